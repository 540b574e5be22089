"""torchvision beside a torch that it was not built for: made-up packages stand for the builds that differ."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch  # noqa: F401  # a torch that is imported first within a test would be taken away with what it changed

from naslib_archlock.compute import torchvision_import
from naslib_archlock.compute.torchvision_import import declare_torchvision_operators


def package(folder: Path, *lines: str) -> Path:
    """A package ``torchvision`` that does this when it is imported; returns the folder to import it from."""
    (folder / "torchvision").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def not_imported(monkeypatch):
    """torchvision as if no test had imported it; what was imported is back after the test."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def test_missing_operators_are_declared_and_the_import_then_succeeds(tmp_path, child_environment):
    """In a process of its own, as torch keeps the declarations."""
    asks = 'torch.library.Library("torchvision", "IMPL", "Meta").impl("{}", lambda *boxes: None)'
    # the words of torch 2, when torchvision registers what its operators do
    fails = 'raise RuntimeError("operator torchvision::nms does not exist")'
    lines = ["import torch", 'if not hasattr(torch.ops.torchvision, "nms"):', f"    {fails}"]
    folder = package(tmp_path, *lines, *(asks.format(name) for name in ("nms", "qnms")))
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from naslib_archlock.compute.torchvision_import import declare_torchvision_operators as declare\n"
        "declare(); declare()\n"
        "import gc, torch, torchvision; gc.collect()\n"
        "print(torchvision.__file__, torch.ops.torchvision.nms.default._schema)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=child_environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    file, _, schema = done.stdout.strip().partition(" ")
    assert Path(file).is_relative_to(folder)
    assert schema == "torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def test_nothing_is_declared_where_torchvision_can_be_imported(not_imported, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(package(tmp_path, "whole = True"))
    before = list(torchvision_import._KEEP_ALIVE)
    declare_torchvision_operators()
    assert sys.modules["torchvision"].whole
    assert before == torchvision_import._KEEP_ALIVE


def test_nothing_is_done_where_torchvision_is_imported_already(not_imported, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(package(tmp_path, "raise RuntimeError('imported again')"))
    imported = ModuleType("torchvision")
    monkeypatch.setitem(sys.modules, "torchvision", imported)
    declare_torchvision_operators()
    assert sys.modules["torchvision"] is imported


@pytest.mark.parametrize("error", [RuntimeError("no such file"), ImportError("no torchvision::nms")])
def test_any_other_fault_comes_through_as_it_is(not_imported, tmp_path, monkeypatch, error):
    monkeypatch.syspath_prepend(package(tmp_path, f"raise {error!r}"))
    before = list(torchvision_import._KEEP_ALIVE)
    with pytest.raises(type(error), match=str(error)):
        declare_torchvision_operators()
    assert before == torchvision_import._KEEP_ALIVE
