"""The versions of libraries that results depend on."""

from __future__ import annotations

import json

import numpy as np
import torch

import naslib_archlock
from naslib_archlock.compute.versions import library_versions


def test_versions_are_those_of_what_is_imported():
    assert library_versions() == {
        "naslib_archlock": naslib_archlock.__version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def test_they_can_be_kept_as_json():
    """Each version is a plain ``str``, because torch's own class of versions compares in its own way."""
    versions = library_versions()
    assert json.loads(json.dumps(versions)) == versions
    assert {type(version) for version in versions.values()} == {str}
