from __future__ import annotations

import inspect

from naslib_archlock.benchmarks.naslib_provider import NaslibPlugin, naslib
from naslib_archlock.plugin import facade

WANTED = [name for name in vars(NaslibPlugin) if not name.startswith("_")]


def test_the_plugin_has_every_function_of_the_protocol_with_its_arguments():
    assert naslib() is facade
    assert "open_benchmark" in WANTED
    for name in WANTED:
        wanted = [*inspect.signature(getattr(NaslibPlugin, name)).parameters][1:]  # without self
        assert [*inspect.signature(getattr(naslib(), name)).parameters] == wanted, name


def test_asking_for_the_plugin_imports_neither_naslib_nor_torch(run_watched):
    """Nor does the plugin itself import what it may not need."""
    asked = "from naslib_archlock.benchmarks.naslib_provider import naslib; naslib()"
    modules = run_watched(asked)["modules"]
    assert "naslib_archlock.plugin.facade" in modules
    assert modules.isdisjoint({"naslib", "torch", "torchvision", "naslib_archlock.plugin.naslib_benchmark"})
