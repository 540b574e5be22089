"""Runs an unmodified NASLib runner script with ``archlock`` among its optimizers and predictors.

The runners hold literals such as ``supported_optimizers = {"rs": RandomSearch(config), ...}``. An entry is added to the
assignment while the script is compiled; its other lines stay as they are, line numbers included.

The script is run: that is what the user asked for by naming it. What it reads is not (``compat``).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import ModuleType

from ..config.sections import ArchLockSection
from ..errors import ConfigError
from .compat import load_naslib
from .registry import NAME, register

# The name assigned to -> the expression of the new entry. ``config`` is what the runners call theirs.
_ENTRIES = {
    "supported_optimizers": "__import__('naslib.optimizers', fromlist=['ArchLock']).ArchLock(config)",
    "supported_predictors": (
        "__import__('naslib.predictors', fromlist=['BinaryRankPredictor']).BinaryRankPredictor(seed=config.seed)"
    ),
}


class _AddEntry(ast.NodeTransformer):
    def __init__(self) -> None:
        self.n_added = 0

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        for name in names:
            if name in _ENTRIES and isinstance(node.value, ast.Dict):
                node.value.keys.append(ast.copy_location(ast.Constant(NAME), node))
                node.value.values.append(ast.parse(_ENTRIES[name], mode="eval").body)
                self.n_added += 1
        return node


def compile_runner(path: Path) -> object:
    """Compile a runner script with the entries added.

    Raises:
        ConfigError: if the script cannot be read, is not Python, or assigns neither dictionary.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError) as err:
        raise ConfigError(f"runner script {path} cannot be read: {err}") from err
    adder = _AddEntry()
    tree = ast.fix_missing_locations(adder.visit(tree))
    if not adder.n_added:
        raise ConfigError(
            f"{path} does not assign a dictionary to {' or '.join(_ENTRIES)}, as NASLib's runners do; give "
            "runners/bbo/runner.py, runners/nas/runner.py or runners/predictors/runner.py of NASLib"
        )
    return compile(tree, str(path), "exec")


def with_floats(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``archlock.trade_off 1`` as ``1.0``: NASLib's loader takes no integer in place of a float."""
    keys = {f"archlock.{f.name}" for f in fields(ArchLockSection) if isinstance(f.default, float)}
    return [
        f"{value}.0" if key in keys and value.isdecimal() else value for key, value in zip(["", *arguments], arguments)
    ]


def run_runner(path: Path, arguments: Sequence[str]) -> None:
    """Run a NASLib runner script as ``python path *arguments`` would, with ``archlock`` known to it.

    Raises: ConfigError, NaslibError.
    """
    code = compile_runner(path)
    # NASLib reads the command line while it is imported, so this comes first.
    sys.argv = [str(path), *with_floats(arguments)]
    load_naslib()
    register()
    script = ModuleType("__main__")
    script.__file__ = str(path)
    sys.modules["__main__"] = script
    sys.path.insert(0, str(path.parent))
    exec(code, script.__dict__)  # type: ignore[arg-type]  # nosec B102 # the script that the user named
