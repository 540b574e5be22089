"""A second kind of ranker model for tests: one file in a folder of its own, as a user would add it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from naslib_archlock.ranker import models
from naslib_archlock.ranker.model_kinds import add_model_folder

NAME = "bilinear"
SOURCE = '''
from torch import nn

from naslib_archlock.ranker.pair_model import PairModel
from naslib_archlock.spaces.cells import ENCODING_DIM


class PairBilinear(PairModel):
    """The better cell has the larger product with the task, in a space of few dimensions."""

    def __init__(self, embedding_dim, rank=8):
        super().__init__(embedding_dim, rank=rank)
        self.of_cell = nn.Linear(ENCODING_DIM, rank)
        self.of_task = nn.Linear(embedding_dim, rank)

    def project(self, archs):
        return (self.of_cell(archs),)

    def project_task(self, tasks):
        return self.of_task(tasks)

    def compare(self, a, b, task):
        return ((a[0] - b[0]) * task).sum(dim=-1)
'''


def add_kind(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str = NAME, source: str = SOURCE) -> str:
    """Write the file of a kind, and add its folder to the folders of kinds until the test is over."""
    monkeypatch.setattr(models, "__path__", list(models.__path__))
    monkeypatch.delitem(sys.modules, f"{models.__name__}.{name}", raising=False)
    monkeypatch.delattr(models, name, raising=False)
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    add_model_folder(folder)
    return name
