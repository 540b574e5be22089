"""Tables of a study: figures as people read them, and the tables as Markdown, CSV and LaTeX."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

NONE = "-"  # no figure: too few seeds or pairs, or a run that is missing

_FIGURE = re.compile(r"[-<]?\d|\[-?\d|-$")

# pdfLaTeX does not take these characters as they are. Other characters outside ASCII are left to the reader's LaTeX.
_LATEX = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "[": "{[}",  # a bracket after the end of a line would begin an option
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "±": r"$\pm$",
        "λ": r"$\lambda$",
        "→": r"$\to$",
        "≥": r"$\geq$",
        "≤": r"$\leq$",
    }
)


# -- figures -----------------------------------------------------------------------------------------------------------


def number(value: float, digits: int = 2) -> str:
    """A figure with so many decimals; a dash for NaN."""
    return f"{value + 0.0:.{digits}f}".replace(f"-{0:.{digits}f}", f"{0:.{digits}f}") if np.isfinite(value) else NONE


def interval(low: float, high: float, digits: int = 2) -> str:
    """``[0.27, 0.58]``; a dash where there is none."""
    return f"[{number(low, digits)}, {number(high, digits)}]" if np.isfinite(low) else NONE


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """``0.42 [0.27, 0.58]``; without the brackets where there is no interval."""
    return number(value, digits) + (f" {interval(low, high, digits)}" if np.isfinite(low) else "")


def probability(p: float) -> str:
    """A p value with three decimals."""
    return "<0.001" if p < 0.001 else number(p, 3)


def _metric(value: float, scale: float) -> str:
    """Two decimals for percentages, four where the figures themselves are small (SSIM, losses)."""
    return number(value, 4 if abs(scale) < 2 else 2)


# -- tables as people read them: every cell is text --------------------------------------------------------------------


def summary_table(summary: pd.DataFrame) -> pd.DataFrame:
    """A row a method, from rows of ``Statistics.summary`` of one space and budget."""
    s = summary
    return _table(
        {
            "method": s["method"],
            "target percentile [over pairs and seeds]": _intervals(
                s, "target_percentile", "target_percentile_low", "target_percentile_high", digits=1
            ),
            "lowest possible": s["limit_percentile"].map(lambda x: number(x, 1)),
            "fall, %": s["percentile_fall_pct"].map(lambda x: number(x, 1)),
            "source percentile": s["source_percentile"].map(lambda x: number(x, 1)),
            "lock score [over pairs and seeds]": _intervals(s, "lock_score", "lock_score_low", "lock_score_high"),
            "[over seeds]": _only_intervals(s, "lock_score_seeds_low", "lock_score_seeds_high"),
            "mean of up to five picks": s["lock_score_top5"].map(number),
            "outside the budget, %": s["outside_budget_pct"].map(lambda x: number(x, 1)),
            "source loss, %": s["source_loss_pct"].map(number),
            "target drop, % [over pairs and seeds]": _intervals(
                s, "target_drop_pct", "target_drop_low", "target_drop_high", digits=1
            ),
            "source look-ups": s["source_queries"].map(lambda x: number(x, 0)),
            "target look-ups": s["target_queries"].map(lambda x: number(x, 0)),
            "seconds": s["seconds"].map(lambda x: number(x, 2)),
            "pairs": s["n_pairs"].map(str),
            "seeds": s["n_seeds"].map(str),
        }
    )


def comparison_table(tests: pd.DataFrame) -> pd.DataFrame:
    """A row a method, from rows of ``Statistics.tests`` of one space and budget."""
    return _table(
        {
            "method": tests["method"],
            "difference [over pairs and seeds]": _intervals(tests, "difference", "low", "high"),
            "[over seeds]": _only_intervals(tests, "seeds_low", "seeds_high"),
            "pairs above": [f"{above} of {n}" for above, n in zip(tests["n_above"], tests["n_pairs"])],
            "Wilcoxon p": tests["p"].map(probability),
            "p after Holm": tests["p_holm"].map(probability),
            "verdict": tests["verdict"],
        }
    )


def scores_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Mean lock scores, a row a pair and a column a method, from ``Statistics.pairs`` of one space and budget."""
    order = list(dict.fromkeys(pairs["method"]))
    wide = pairs.pivot(index=["source", "target"], columns="method", values="lock_score")[order]
    text = [[*pair, *map(number, scores)] for pair, scores in zip(wide.index, wide.to_numpy())]
    return pd.DataFrame(text, columns=["source", "target", *order])  # a method may be called "source"


def pairs_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """A row a method and pair, from rows of ``Statistics.pairs`` of one space and budget."""
    p = pairs
    return _table(
        {
            "method": p["method"],
            "source": p["source"],
            "target": p["target"],
            "lock score [over seeds]": _intervals(p, "lock_score", "lock_score_seeds_low", "lock_score_seeds_high"),
            "target percentile": p["target_percentile"].map(lambda x: number(x, 1)),
            "lowest possible": p["limit_percentile"].map(lambda x: number(x, 1)),
            "fall, %": p["percentile_fall_pct"].map(lambda x: number(x, 1)),
            "source percentile": p["source_percentile"].map(lambda x: number(x, 1)),
            "outside the budget, %": p["outside_budget_pct"].map(lambda x: number(x, 0)),
            "source loss, %": p["source_loss_pct"].map(number),
            "source test": [_metric(x, x) for x in p["source_test"]],
            "target test": [_metric(x, x) for x in p["target_test"]],
            "target drop": [_metric(x, of) for x, of in zip(p["target_drop"], p["target_test"])],
            "target drop, %": p["target_drop_pct"].map(lambda x: number(x, 1)),
        }
    )


def _intervals(frame: pd.DataFrame, value: str, low: str, high: str, digits: int = 2) -> list[str]:
    return [with_interval(x, a, b, digits) for x, a, b in frame[[value, low, high]].to_numpy()]


def _only_intervals(frame: pd.DataFrame, low: str, high: str) -> list[str]:
    return [interval(a, b) for a, b in frame[[low, high]].to_numpy()]


def _table(columns: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """Columns of text side by side, whatever the index of those that are series."""
    return pd.DataFrame({name: list(texts) for name, texts in columns.items()})


# -- formats -----------------------------------------------------------------------------------------------------------


def are_figures(table: pd.DataFrame) -> list[bool]:
    """Which columns of a table of text hold figures only, and stand to the right."""
    return [len(table) > 0 and all(map(_FIGURE.match, column)) for column in table.to_numpy().T]


def to_markdown(table: pd.DataFrame) -> str:
    """A table of text as Markdown; what its cells hold is not read as markup."""
    rows = [list(table.columns), *table.to_numpy().tolist()]
    header, *lines = ["| " + " | ".join(map(markdown_text, row)) + " |" for row in rows]
    rule = "|" + "|".join("---:" if right else "---" for right in are_figures(table)) + "|"
    return "\n".join([header, rule, *lines]) + "\n"


def markdown_text(text: object) -> str:
    """Text on one line in which Markdown and HTML find no markup."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]|#!~$])", r"\\\1", line)


def to_latex(table: pd.DataFrame) -> str:
    """A table of text as a LaTeX ``longtable`` with the rules of ``booktabs``."""
    escaped = pd.DataFrame(
        [[latex_text(cell) for cell in row] for row in table.to_numpy()], columns=[*map(latex_text, table.columns)]
    )
    alignment = "".join("r" if right else "l" for right in are_figures(table))
    body = escaped.to_latex(index=False, escape=False, longtable=True, column_format=alignment)
    return f"% needs \\usepackage{{booktabs,longtable}}\n{body}"


def latex_text(text: object) -> str:
    """Text on one line in which LaTeX finds no commands."""
    return " ".join(str(text).split()).translate(_LATEX)


def to_csv(frame: pd.DataFrame) -> str:
    """Figures as they are, to six digits; an empty cell is a missing figure."""
    text: str = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text
