"""Finding NASLib, and the shims that let its unchanged code (branch Develop, 0.1.0) run on current libraries.

Each shim says what it is for, and does nothing where it is not needed. The last shims keep NASLib from
running code in files that it only has to read: benchmark files, checkpoints and configs.
"""

from __future__ import annotations

import ast
import collections
import collections.abc
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import IO, Any

import numpy as np

from ..compute.torchvision_import import declare_torchvision_operators
from ..config.load import naslib_values
from ..errors import ConfigError, NaslibError
from ..store import pickle_limits
from ..store.files import is_file_name
from ..store.reading import UnreadableError, check_regular, parse_json, read_yaml, regular_bytes

HOME_VARIABLE = "NASLIB_HOME"
DEFAULT_HOME = "~/NASLib"

HOW_TO_GET = (
    "get it with 'git clone -b Develop https://github.com/automl/NASLib ~/NASLib' (its setup.py need not be run), or "
    f"point {HOME_VARIABLE} at a checkout; its PyPI requirements come with: pip install 'naslib_archlock[naslib]'"
)


def naslib_home() -> Path:
    """The folder that holds the package ``naslib``. Raises: NaslibError: that says where it was looked for."""
    spec = importlib.util.find_spec("naslib")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    home = Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME).expanduser()
    if not (home / "naslib" / "__init__.py").is_file():
        raise NaslibError(f"NASLib was not found: it is not importable, and {home} holds no checkout; {HOW_TO_GET}")
    return home


def naslib_data_folder() -> Path:
    """The folder where NASLib looks for its benchmark files. Raises: NaslibError."""
    return naslib_home() / "naslib" / "data"


@cache
def load_naslib() -> ModuleType:
    """Import NASLib, with the shims in place.

    Raises: NaslibError: if it is not found, or one of its own requirements is missing.
    """
    home = str(naslib_home())
    if home not in sys.path:
        sys.path.append(home)
    _restore_collections_aliases()
    _restore_numpy_alias()
    try:
        declare_torchvision_operators()
        naslib = importlib.import_module("naslib")
        for module in ("optimizers", "predictors", "search_spaces", "utils", "defaults.predictor_evaluator"):
            importlib.import_module(f"naslib.{module}")
    except ImportError as err:
        raise NaslibError(
            f"NASLib in {home} cannot be imported: {err}; install its requirements with "
            "pip install 'naslib_archlock[naslib]'"
        ) from err
    _accept_transbench101_micro()
    _read_benchmark_files_as_numbers()
    _read_checkpoints_as_weights()
    _read_text_as_literals()
    _read_configs_as_yaml()
    return naslib


def _restore_collections_aliases() -> None:
    """Python 3.10 removed ``collections.Iterable``, which NASLib's search space code still names."""
    if not hasattr(collections, "Iterable"):
        collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]


def _restore_numpy_alias() -> None:
    """NumPy 2.0 moved ``ComplexWarning``, which GraKeL 0.1.10 still looks for: Python 3.13 has no newer GraKeL."""
    if not hasattr(np, "ComplexWarning"):
        np.ComplexWarning = np.exceptions.ComplexWarning  # type: ignore[attr-defined]


def _accept_transbench101_micro() -> None:
    """NASLib's ``PredictorEvaluator`` refuses the name ``transbench101_micro`` that its own search space gives itself.

    It knows the space as ``transbench101``; the predictor is told the real name.
    """
    evaluator = importlib.import_module("naslib.defaults.predictor_evaluator").PredictorEvaluator
    original = evaluator.adapt_search_space

    @wraps(original)
    def adapt_search_space(self: Any, search_space: Any, *args: Any, **kwargs: Any) -> None:
        if search_space.get_type() != "transbench101_micro":
            original(self, search_space, *args, **kwargs)
            return
        space_class = type(search_space)
        real_get_type = space_class.get_type
        space_class.get_type = lambda _: "transbench101"
        try:
            original(self, search_space, *args, **kwargs)
        finally:
            space_class.get_type = real_get_type
        self.predictor.set_ss_type("transbench101_micro")

    evaluator.adapt_search_space = adapt_search_space


# -- nothing that is read is run ---------------------------------------------------------------------------------------


def _read_benchmark_files_as_numbers() -> None:
    """NASLib unpickles its benchmark files, which people pass on to each other: that runs whatever a file says.

    The modules that do so get a ``load`` that reads numbers alone, from files in NASLib's data folder. Their names
    ``pickle`` and ``torch`` are replaced, and not what these are: other code goes on as it was.
    """
    for name in ("utils.get_dataset_api", "utils.nb101_api", "utils.asr"):
        module: Any = _naslib_module(name)
        module.pickle = SimpleNamespace(load=_load_numbers)
        module.open = _open_regular  # before Python's own, which would wait for somebody to write to a pipe
    api = _naslib_module("search_spaces.transbench101.api")
    api.torch = SimpleNamespace(load=_load_numbers_of_torch)  # type: ignore[attr-defined]
    # Other packages (nasbench301, nats_bench) read these files, and the files hold whole models.
    for name in ("get_nasbench301_api", "get_nlp_api", "get_natsbenchsize_api"):
        setattr(_naslib_module("utils.get_dataset_api"), name, _refuse_models)


def _naslib_module(name: str) -> ModuleType:
    return importlib.import_module(f"naslib.{name}")


def _open_regular(path: Any, *args: Any, **options: Any) -> Any:
    """``open`` for NASLib's modules that read. Raises: OSError; NaslibError: if it is no file, or too large."""
    try:
        check_regular(Path(path), pickle_limits.MOST_BYTES)
    except UnreadableError as err:
        raise NaslibError(f"NASLib's file {path} {err}; {_GET_IT_AGAIN}") from err
    return open(path, *args, **options)


def _load_numbers(file: IO[bytes]) -> Any:
    """``pickle.load`` for NASLib. Raises: NaslibError."""
    from ..store.unpickling import once_for_content, read_numbers

    path = _in_data_folder(file.name)
    with _named(f"benchmark file {path}", _GET_IT_AGAIN):
        return read_numbers(file, once_for_content(path))


def _load_numbers_of_torch(name: str) -> Any:
    """``torch.load`` for NASLib's TransNAS file. Raises: NaslibError."""
    from ..store.unpickling import once_for_content, read_numbers_of_torch

    path = _in_data_folder(name)
    with _named(f"benchmark file {path}", _GET_IT_AGAIN):
        return read_numbers_of_torch(path, once_for_content(path))


def _in_data_folder(name: str) -> Path:
    """Check that a file lies in NASLib's data folder; a link there may lead elsewhere. Raises: NaslibError."""
    root = _naslib_module("utils.get_dataset_api").get_project_root()
    path, folder = Path(os.path.abspath(name)), Path(os.path.abspath(root / "data"))
    if folder not in path.parents:
        raise NaslibError(f"benchmark files are read from NASLib's data folder alone, {folder}: put {path} there")
    return path


_GET_IT_AGAIN = "get another from where NASLib's README says"


@contextmanager
def _named(file: str, advice: str) -> Iterator[None]:
    """Raises: NaslibError: that names the file, for whatever is wrong with it."""
    from ..store.unpickling import RefusedPickle

    try:
        yield
    except RefusedPickle as err:
        raise NaslibError(
            f"NASLib's {file} is not read: it asks for {err}, and would run what it likes. Numbers do not need that, "
            f"so it may be a trap: delete it, and {advice}"
        ) from err
    except Exception as err:  # a pickle that is cut short or of another kind can raise anything
        raise NaslibError(f"NASLib cannot read its {file} ({str(err) or type(err).__name__}); {advice}") from err


def _refuse_models(dataset: Any = None) -> Any:
    raise NaslibError(
        "the benchmarks nasbench301, nlp and natsbenchsize are files of pickled models, which run what they hold when "
        "they are read; archlock knows nothing of them: run the runner script by itself if you trust the files"
    )


def _read_checkpoints_as_weights() -> None:
    """After a search, NASLib's Trainer unpickles the checkpoint in the output folder, which may be somebody else's."""
    _naslib_module("utils").Checkpointer._load_file = _load_checkpoint  # type: ignore[attr-defined]


def _load_checkpoint(self: Any, path: str) -> Any:
    """Raises: NaslibError."""
    from ..store.unpickling import read_weights

    with _named(f"checkpoint {path}", "start without --resume"):
        return read_weights(path)


def _read_text_as_literals() -> None:
    """NASLib evaluates the value of a key that a config lacks, and runners evaluate architectures from JSON files.

    ``eval`` of that module becomes Python's reader of literals; the JSON files are looked through when they are read.
    """
    _naslib_module("utils").eval = _literal  # type: ignore[attr-defined]
    _naslib_module("utils.get_dataset_api").json = SimpleNamespace(load=_load_json)  # type: ignore[attr-defined]


def _literal(text: str) -> Any:
    """Raises: ConfigError."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as err:
        raise ConfigError(
            f"{text!r} is given for a key that the config lacks: there it must be a number, a list or text in quotes, "
            "and is not evaluated; or put the key into the config"
        ) from err


_NUMBERS_IN_BRACKETS = re.compile(r"[0-9, ()\[\]]*")


def _load_json(file: IO[str]) -> Any:
    """``zc_SPACE.json``, task -> architecture -> scores, or number -> architecture; runners evaluate the architectures.

    Raises: NaslibError: if it is no JSON, or an architecture is not a literal.
    """
    try:
        content = parse_json(regular_bytes(Path(file.name)))
    except UnreadableError as err:
        raise NaslibError(f"NASLib's file {file.name} {err}; {_GET_IT_AGAIN}") from err
    for entry in content.values() if isinstance(content, Mapping) else ():
        for arch in [entry] if isinstance(entry, str) else entry if isinstance(entry, Mapping) else ():
            try:
                if not _NUMBERS_IN_BRACKETS.fullmatch(arch):
                    ast.literal_eval(arch)
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as err:
                raise NaslibError(
                    f"NASLib's file {file.name} is not read: NASLib would evaluate {arch!r}, which is no architecture; "
                    "get the file again, from where NASLib's README says"
                ) from err
    return content


def _read_configs_as_yaml() -> None:
    """NASLib's loader runs a config whose name ends in ``.py``, and makes folders of whatever names a config holds."""
    utils = _naslib_module("utils")
    utils.load_config = _config_loader(_naslib_module("utils").CfgNode)  # type: ignore[attr-defined]


# NASLib names output folders by these keys; only ``out_dir`` is a path.
_FOLDER_NAMES = ("search_space", "dataset", "optimizer", "predictor", "config_type", "config_id", "seed")


def _config_loader(config_class: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def load_config(path: Any) -> Any:
        """Raises: ConfigError."""
        try:
            raw = read_yaml(Path(path), as_written=True)
        except UnreadableError as err:
            raise ConfigError(f"config file {path} {err}") from err
        if not isinstance(raw, dict):
            raise ConfigError(f"config file {path} must hold keys and values")
        raw = naslib_values(raw)
        try:
            config = config_class(raw)
        except Exception as err:  # CfgNode takes plain values only
            raise ConfigError(f"config file {path} is not one for NASLib: {err}") from err
        search = raw.get("search")
        named = {key: raw.get(key) for key in _FOLDER_NAMES}
        named["search.predictor_type"] = search.get("predictor_type") if isinstance(search, dict) else None
        for key, value in named.items():
            if value is not None and not is_file_name(str(value)):
                raise ConfigError(f"config file {path}: {key} names an output folder, and {value!r} leads elsewhere")
        return config

    return load_config
