from __future__ import annotations

import subprocess
import sys

import pytest

from naslib_archlock.config.sections import ArchLockSection
from naslib_archlock.errors import UnknownNameError
from naslib_archlock.networks.augmentations import AUGMENTATIONS


@pytest.mark.parametrize(
    ("text", "names"),
    [("flip,crop", ("flip", "crop")), ("crop", ("crop",)), ("none", ()), ("", ()), ("flip, flip", ("flip",))],
)
def test_the_names_of_a_configuration(text, names):
    assert ArchLockSection(augmentation=text).augmentation_names == names
    assert set(names) <= set(AUGMENTATIONS)


@pytest.mark.parametrize("text", ["mirror", "flip,none"])
def test_an_unknown_name(text):
    with pytest.raises(UnknownNameError, match="flip, crop, none"):
        ArchLockSection(augmentation=text)


def test_they_need_no_torch():
    code = "import sys, naslib_archlock.networks.augmentations; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
