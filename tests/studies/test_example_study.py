from __future__ import annotations

import re
from dataclasses import fields

import yaml

from naslib_archlock.studies.example_study import example_study
from naslib_archlock.studies.methods import KINDS
from naslib_archlock.studies.study import Study, study_from


def test_the_example_is_a_study_that_names_every_key_and_method():
    """Keys that the command writes, ``meaning`` and ``notes``, are left out."""
    study = study_from(yaml.safe_load(example_study()))
    assert set(yaml.safe_load(example_study())) == {f.name for f in fields(Study)} - {"meaning", "notes"}
    assert len(study.methods) > 2
    assert [name for name in KINDS if not re.search(rf"\b{name}\b", example_study())] == []
