"""The reference page of studies, written from the declarations of their keys and methods, and an example.

``python -m naslib_archlock.studies.study_reference > docs/studies.md`` writes the page. A test keeps it equal to the
code.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

import yaml

from .example_study import example_study
from .jobs import Kind
from .methods import KINDS, SET_BY_STUDY
from .study import Study

_INTRO = """\
# Studies

<!-- Written by: python -m naslib_archlock.studies.study_reference > docs/studies.md -->

A study tells you which method finds the best locks on your search spaces and tasks. You list methods, pairs of tasks,
source budgets and seeds in a small YAML file. One command makes all runs, in parallel, and another one writes a report
with intervals and paired tests.

```console
$ archlock init study                # writes study.yaml, the commented example below
$ archlock compare study.yaml --dry-run    # how many runs that is, and about how long they take
$ archlock compare study.yaml        # runs in seconds; after Ctrl-C, the same command goes on
$ archlock report run/first          # tables, plots and a page
```
"""
_METHODS = """\
A method picks architectures for a source task, and for a target task if it may know one. `nsga2` needs pymoo
(`pip install 'naslib_archlock[studies]'`), and `naslib` needs NASLib. If one of them is missing, `archlock compare`
says so before it runs anything.
"""
_ARCHLOCK = """\
`archlock` takes the keys of the sections `archlock` and `search` of a [configuration](config.md) as options, for
example `{{scheme: tk, target_queries: 20, strategy: evolution, epochs: 100}}`. The study itself sets these keys:
{set_by_study}.
"""


def reference() -> str:
    """Return the page, in Markdown."""
    keys = [["Key", "Default", "Holds", "Meaning"], *map(_key_row, fields(Study))]
    methods = [["Method", "What it picks", "Options"], *map(_method_row, KINDS.values())]
    set_by_study = ", ".join(f"`{key}`" for key in SET_BY_STUDY)
    parts = [
        _INTRO,
        f"## Keys\n\n{_table(keys)}",
        f"## Methods\n\n{_METHODS}\n{_table(methods)}\n{_ARCHLOCK.format(set_by_study=set_by_study)}",
        f"## Example\n\n```yaml\n{example_study()}```\n",
    ]
    return "\n".join(parts)


def _key_row(key: Field[Any]) -> list[str]:
    return [f"`{key.name}`", _default(key), key.metadata["holds"], key.metadata["meaning"]]


def _default(key: Field[Any]) -> str:
    if key.default is MISSING:
        return "none: it must be given"
    if isinstance(key.default, str):
        return "written by the command"
    written = list(key.default) if isinstance(key.default, tuple) else key.default
    return f"`{yaml.safe_dump(written, default_flow_style=True).splitlines()[0]}`"


def _method_row(kind: Kind) -> list[str]:
    return [f"`{kind.name}`", kind.about, kind.about_options() or "none"]


def _table(rows: list[list[str]]) -> str:
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(reference(), end="")
