"""Tables of a study: figures as people read them, and the tables as Markdown, CSV and LaTeX."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

NONE = "-"  # no figure: too few seeds or pairs, or a run that is missing
CROSS = "✗"  # in place of a lock score
CROSS_MEANS = f"{CROSS}: outside the source budget (a mean: with every seed), so the lock score is 0."

_FIGURE = re.compile(rf"[-<]?\d|\[-?\d|-$|{CROSS}$")

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
        CROSS: r"$\times$",
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


def pair_score(lock_score: float, outside_budget_pct: float) -> str:
    """A mean lock score over seeds; a cross if the picks of all seeds are outside the source budget."""
    return CROSS if outside_budget_pct == 100 else number(lock_score)


def _metric(value: float, scale: float) -> str:
    """Two decimals for percentages, four where the figures themselves are small (SSIM, losses)."""
    return number(value, 4 if abs(scale) < 2 else 2)


# -- tables as people read them: every cell is text --------------------------------------------------------------------

SOURCE_LOSS = "source accuracy lost, %"
TARGET_DROP = "target accuracy: drop against the reference, %"
_TARGET_PERCENTILE = "target percentile [interval over pairs and seeds]"
_LIMIT = "lowest target percentile possible"
_FALL = "target percentile: fall against the reference, %"
_SOURCE_PERCENTILE = "source percentile"
_LOCK_SCORE = "lock score [interval over pairs and seeds]"
_OUTSIDE_BUDGET = "runs outside the source budget, %"
# The columns of a summary that a terminal has room for, under shorter names.
PRINTED = {
    "method": "method",
    _TARGET_PERCENTILE: "target percentile",
    _LIMIT: "lowest possible",
    _LOCK_SCORE: "lock score",
    _OUTSIDE_BUDGET: "outside, %",
    SOURCE_LOSS: "source lost, %",
}


def summary_table(summary: pd.DataFrame) -> pd.DataFrame:
    """A row a method, from rows of ``Statistics.summary`` of one space and budget."""
    s = summary
    return _table(
        {
            "method": s["method"],
            _TARGET_PERCENTILE: _intervals(
                s, "target_percentile", "target_percentile_low", "target_percentile_high", digits=1
            ),
            _LIMIT: s["limit_percentile"].map(lambda x: number(x, 1)),
            _FALL: s["percentile_fall_pct"].map(lambda x: number(x, 1)),
            _SOURCE_PERCENTILE: s["source_percentile"].map(lambda x: number(x, 1)),
            _LOCK_SCORE: _intervals(s, "lock_score", "lock_score_low", "lock_score_high"),
            "lock score: interval over seeds": _only_intervals(s, "lock_score_seeds_low", "lock_score_seeds_high"),
            "lock score: mean of the five best picks": s["lock_score_top5"].map(number),
            _OUTSIDE_BUDGET: s["outside_budget_pct"].map(lambda x: number(x, 1)),
            SOURCE_LOSS: s["source_loss_pct"].map(number),
            f"{TARGET_DROP} [interval over pairs and seeds]": _intervals(
                s, "target_drop_pct", "target_drop_low", "target_drop_high", digits=1
            ),
            "source look-ups a run": s["source_queries"].map(lambda x: number(x, 0)),
            "target look-ups a run": s["target_queries"].map(lambda x: number(x, 0)),
            "seconds a run": s["seconds"].map(lambda x: number(x, 2)),
            "task pairs": s["n_pairs"].map(str),
            "seeds": s["n_seeds"].map(str),
        }
    )


def comparison_table(tests: pd.DataFrame) -> pd.DataFrame:
    """A row a method, from rows of ``Statistics.tests`` of one space and budget."""
    return _table(
        {
            "method": tests["method"],
            "difference of lock scores [interval over pairs and seeds]": _intervals(tests, "difference", "low", "high"),
            "difference: interval over seeds": _only_intervals(tests, "seeds_low", "seeds_high"),
            "task pairs with a higher lock score": [
                f"{above} of {n}" for above, n in zip(tests["n_above"], tests["n_pairs"])
            ],
            "p of Wilcoxon's test": tests["p"].map(probability),
            "p after Holm's correction": tests["p_holm"].map(probability),
            "verdict": tests["verdict"],
        }
    )


def scores_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Mean lock scores, a row a pair and a column a method, from ``Statistics.pairs`` of one space and budget."""
    order = list(dict.fromkeys(pairs["method"]))
    shown = pairs.assign(shown=list(map(pair_score, pairs["lock_score"], pairs["outside_budget_pct"])))
    wide = shown.pivot(index=["source", "target"], columns="method", values="shown")[order].fillna(NONE)
    text = [[*pair, *scores] for pair, scores in zip(wide.index, wide.to_numpy())]
    return pd.DataFrame(text, columns=["source", "target", *order])  # a method may be called "source"


def pairs_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """A row a method and pair, from rows of ``Statistics.pairs`` of one space and budget."""
    p = pairs
    return _table(
        {
            "method": p["method"],
            "source": p["source"],
            "target": p["target"],
            "lock score [interval over seeds]": _intervals(
                p, "lock_score", "lock_score_seeds_low", "lock_score_seeds_high"
            ),
            "target percentile": p["target_percentile"].map(lambda x: number(x, 1)),
            _LIMIT: p["limit_percentile"].map(lambda x: number(x, 1)),
            _FALL: p["percentile_fall_pct"].map(lambda x: number(x, 1)),
            _SOURCE_PERCENTILE: p["source_percentile"].map(lambda x: number(x, 1)),
            _OUTSIDE_BUDGET: p["outside_budget_pct"].map(lambda x: number(x, 0)),
            SOURCE_LOSS: p["source_loss_pct"].map(number),
            "test metric on the source": [_metric(x, x) for x in p["source_test"]],
            "test metric on the target": [_metric(x, x) for x in p["target_test"]],
            "target test metric: drop against the reference": [
                _metric(x, of) for x, of in zip(p["target_drop"], p["target_test"])
            ],
            TARGET_DROP: p["target_drop_pct"].map(lambda x: number(x, 1)),
        }
    )


def choices_table(choices: pd.DataFrame) -> pd.DataFrame:
    """A row a method, from ``study_choices.choices``."""
    c = choices
    return _table(
        {
            "method": c["method"],
            "seeds that chose it": [f"{same} of {n}" for same, n in zip(c["n_same"], c["n_seeds"])],
            "lock score": list(map(pair_score, c["lock_score"], 100.0 * ~c["is_within_budget"].astype(bool))),
            "test metric on the source": [_metric(x, x) for x in c["source_test"]],
            "test metric on the target": [_metric(x, x) for x in c["target_test"]],
            "architecture in words": c["in_words"],
            "architecture": c["arch"],
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
    """A table of text as a LaTeX ``longtable`` with the rules of ``booktabs``, and what a cross in it means."""
    escaped = pd.DataFrame(
        [[latex_text(cell) for cell in row] for row in table.to_numpy()], columns=[*map(latex_text, table.columns)]
    )
    alignment = "".join("r" if right else "l" for right in are_figures(table))
    body = escaped.to_latex(index=False, escape=False, longtable=True, column_format=alignment)
    note = f"\\noindent {latex_text(CROSS_MEANS)}\n" if (table == CROSS).to_numpy().any() else ""
    return f"% needs \\usepackage{{booktabs,longtable}}\n{body}{note}"


def latex_text(text: object) -> str:
    """Text on one line in which LaTeX finds no commands."""
    return " ".join(str(text).split()).translate(_LATEX)


def to_csv(frame: pd.DataFrame) -> str:
    """Figures as they are, to six digits; an empty cell is a missing figure."""
    text: str = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text
