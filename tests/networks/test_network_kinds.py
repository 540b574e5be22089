from __future__ import annotations

import subprocess
import sys

import pytest

from naslib_archlock.config.load import load_config
from naslib_archlock.config.sections import ArchLockSection
from naslib_archlock.errors import UnknownNameError
from naslib_archlock.networks.network_kinds import NETWORKS


def test_an_unknown_kind_is_refused():
    with pytest.raises(UnknownNameError, match="nasbench202.*did you mean 'nasbench201'"):
        ArchLockSection(network="nasbench202")


def test_they_need_no_torch():
    code = "import sys, naslib_archlock.networks.network_kinds; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.usefixtures("torch")
def test_every_kind_is_built_for_searches_and_audits_alike():
    from naslib_archlock.audit.audit_images import fit_settings
    from naslib_archlock.benchmarks.trained import fit_of

    settings = {}
    for kind in NETWORKS:
        settings[kind] = fit_of(kind, ("flip",))
        config = load_config(None, ["dataset", "a/folder", "archlock.network", kind, "archlock.augmentation", "flip"])
        audited = fit_settings(config)
        for key in ("widths", "cells_per_stage", "has_residual_blocks", "augmentations"):
            assert getattr(audited, key) == getattr(settings[kind], key)
    assert settings["small"].cells_per_stage == 1
    assert (settings["nasbench201"].cells_per_stage, settings["nasbench201"].has_residual_blocks) == (5, True)
