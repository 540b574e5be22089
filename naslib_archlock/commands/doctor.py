"""``archlock doctor``: what is installed and found, and what to do about what is missing."""

from __future__ import annotations

import argparse
import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import EmbeddingError, NaslibError, OutputError, TableError
from .printing import result_line

# Libraries that NASLib needs below some version, and what goes wrong from that version on (see pyproject.toml).
_CEILINGS = {
    "numpy": ((2, 4), "its np.sum(generator) is an error there: pip install 'numpy<2.4'"),
    "setuptools": ((80,), "pkg_resources is gone there: pip install 'setuptools<80'"),
    "scikit-learn": ((1, 6), "PredictorEvaluator's metrics silently become NaN there: pip install 'scikit-learn<1.6'"),
}


_CPU_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
# Library -> what needs it, and the extra that installs it.
_OPTIONAL = {
    "pymoo": ("only for the method nsga2 of a study", "studies"),
    "torchvision": ("only for the probe networks resnet34 and resnet50", "task2vec"),
    "timm": ("only for the probe networks timm:NAME", "task2vec"),
    "distributed": ("only for --backend dask", "dask"),
}


@dataclass(frozen=True)
class Finding:
    """The state of one thing that a user may need.

    Attributes:
        name: what it is, in a word.
        state: ok, missing or warning.
        detail: its version, place or size, or what is wrong with it.
        advice: what to do; empty if there is nothing to do.
    """

    name: str
    state: str
    detail: str
    advice: str = ""


EXAMPLES = (
    "archlock doctor",
    "archlock doctor --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options of its own."""


def run(args: argparse.Namespace) -> Mapping[str, Any]:
    """Print all findings. A missing part is no failure, because most uses need only some of the parts."""
    findings = list(examine())
    width = max(len(f.name) for f in findings)
    for f in findings:
        print(f"{f.state:<8} {f.name:<{width}}  {f.detail}")
        if f.advice:
            print(f"{'':<8} {'':<{width}}  -> {f.advice}")
    counts = Counter(f.state for f in findings)
    result_line(", ".join(f"{counts[state]} {state}" for state in ("ok", "warning", "missing")))
    return {"findings": [asdict(f) for f in findings]}


def examine() -> Iterator[Finding]:
    """Look at Python, libraries, the cache, the ImageNet probe, NASLib and its benchmark files, in this order."""
    yield Finding("naslib_archlock", "ok", __version__)
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} cores")
    yield _torch()
    for name in ("numpy", "scipy", "safetensors", "matplotlib", "pyyaml", "joblib", "scikit-learn", "pillow"):
        yield _version(name)
    yield _package_data()
    yield _cache()
    yield from _optional()
    yield _imagenet_probe()
    yield from _naslib()


def _torch() -> Finding:
    """Look for torch, and whether it is a build for a GPU that is not there."""
    smaller = f"the build for CPUs is much smaller: {_CPU_TORCH}"
    try:
        import torch
    except ImportError:
        return Finding("torch", "missing", "not installed; what trains networks or rankers needs it", smaller)
    has_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name(0) if has_gpu else "cpu"
    detail = f"{torch.__version__}, device {device}, {torch.get_num_threads()} threads"
    if torch.version.cuda and not has_gpu:
        return Finding("torch", "ok", f"{detail}; a build for CUDA, which takes gigabytes", smaller)
    return Finding("torch", "ok", detail)


def _optional() -> Iterator[Finding]:
    """Look for the libraries that only some commands need."""
    for name, (user, extra) in _OPTIONAL.items():
        found = _version(name)
        if found.state == "missing":
            found = Finding(name, "missing", f"{user}; not installed", f"pip install 'naslib_archlock[{extra}]'")
        yield found


def _package_data() -> Finding:
    """Check that the files in the package have the content that was published."""
    from .. import data

    names = data.published()
    try:
        size = sum(data.checked_path(name).stat().st_size for name in names)
    except TableError as err:
        what, _, advice = str(err).partition("; ")
        return Finding("in the box", "warning", what, advice)
    return Finding("in the box", "ok", f"{len(names)} files, {size / 1e6:.1f} MB: benchmark, probe network, rankers")


def _cache() -> Finding:
    """Look for the folder of kept results, and measure its size."""
    from ..store.cache import user_folder

    try:
        folder = user_folder()
    except OutputError as err:
        what, _, advice = str(err).partition("; ")
        return Finding("cache", "warning", what, advice)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        advice = "nothing is kept for the next run; name another folder with XDG_CACHE_HOME"
        return Finding("cache", "warning", f"{existing} cannot be written", advice)
    size = sum(_size(path) for path in folder.rglob("*"))
    return Finding("cache", "ok", f"{size / 1e6:.1f} MB in {folder}, which may be deleted at any time")


def _imagenet_probe() -> Finding:
    """Look for the weights of the probe that was trained on ImageNet, and for timm, which builds its network."""
    try:
        from ..embedding.probe_weights import LITE0_INSTALL, LITE0_PACKAGE, lite0_file
    except ImportError as err:
        return Finding("ImageNet probe", "missing", f"efficientnet_lite0 needs torch ({err})", "install torch first")
    try:
        path = lite0_file()
    except EmbeddingError as err:
        what, _, advice = str(err).partition("; ")
        return Finding("ImageNet probe", "missing" if advice == LITE0_INSTALL else "warning", what, advice)
    if _version("timm").state != "ok":
        return Finding("ImageNet probe", "missing", "efficientnet_lite0 needs timm, too", LITE0_INSTALL)
    size = path.stat().st_size
    detail = f"efficientnet_lite0: {size / 1e6:.1f} MB of {LITE0_PACKAGE}, timm {_version('timm').detail}"
    return Finding("ImageNet probe", "ok", detail)


def _size(path: Path) -> int:
    """The size of a file in bytes; 0 for a folder, and for a file that another process has just removed."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _version(name: str) -> Finding:
    """Look for the version of an installed library."""
    from ..compute.made import installed_version

    version = installed_version(name)
    if not version:
        return Finding(name, "missing", "not installed", f"pip install {name}")
    return Finding(name, "ok", version)


def _naslib() -> Iterator[Finding]:
    """Look at NASLib, the libraries that it needs below some version, its import, and its benchmark files."""
    from ..plugin.compat import load_naslib, naslib_home

    try:
        home = naslib_home()
    except NaslibError as err:
        what, _, advice = str(err).partition("; ")
        yield Finding("NASLib", "missing", what, advice)
        return
    yield Finding("NASLib", "ok", f"{_naslib_version(home)} at {home}")
    for name, (ceiling, advice) in _CEILINGS.items():
        found = _version(name)
        parts = tuple(int(p) for p in found.detail.split(".")[: len(ceiling)] if p.isdigit())
        if found.state == "ok" and parts >= ceiling:
            wanted = ".".join(map(str, ceiling))
            yield Finding(name, "warning", f"{found.detail}; NASLib needs it below {wanted}", advice)
    try:
        load_naslib()
        yield Finding("NASLib import", "ok", "its optimizers, predictors and search spaces import")
    except NaslibError as err:
        what, _, advice = str(err).partition("; ")
        yield Finding("NASLib import", "missing", what, advice)
    yield from _benchmark_files(home / "naslib" / "data")


def _naslib_version(home: Path) -> str:
    """NASLib's version. It is read from the text of a file, because importing NASLib takes seconds."""
    try:
        text = (home / "naslib" / "__version__.py").read_text(encoding="utf-8")
        return text.strip().splitlines()[-1].split("=")[-1].strip(" \"'")
    except (OSError, IndexError):
        return "unknown version"


def _benchmark_files(folder: Path) -> Iterator[Finding]:
    """Look for the benchmark and zero-cost files of every space in NASLib's data folder."""
    from ..benchmarks.benchmark_files import files_of
    from ..spaces.known import NASLIB_SPACES

    for space in NASLIB_SPACES:
        for file in files_of(space):
            # Which tasks a copy of a file of several tasks has is only known after loading all of it.
            copy = ", as far as this copy has them" if len(file.tasks) > 1 and not file.is_zero_cost else ""
            other = "archlock.zero_cost" if file.is_zero_cost else "archlock.tables"
            advice = f"'archlock data list {space.name}' says how to get it; {other} names other files"
            yield _file(folder / file.name, f"{space.name}: {file.holds}{copy}", advice)


def _file(path: Path, what: str, advice: str) -> Finding:
    """Look at one file; ``what`` says what it holds, and ``advice`` what to do if it is missing."""
    if not path.is_file():
        return Finding(path.name, "missing", f"{what}; not in {path.parent}", advice)
    if not os.access(path, os.R_OK) or path.stat().st_size == 0:
        return Finding(path.name, "warning", f"{what}; empty or not readable: {path}", advice)
    return Finding(path.name, "ok", f"{what}; {path.stat().st_size / 1e6:.1f} MB")
