"""A found cell as a ready network: NASLib's own, as files that need nothing but torch to be trained.

NASLib builds a network as a graph of graphs, whose ``forward`` walks them in Python and can be neither scripted nor
traced. It is unrolled here into torch's own modules, with NASLib's weights under nearly NASLib's names, and then saved
as TorchScript or as ``torch.export`` programs. A trace (``torch.jit.trace``) would not do: it keeps the mode in which
batch normalisation was, and such a file cannot be trained and then evaluated.
"""

from __future__ import annotations

import importlib
import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor, fx, nn

from ..compute.seeding import global_generators
from ..compute.threads import single_threaded
from ..compute.versions import library_versions
from ..errors import ConfigError, unknown
from ..spaces.cells import as_cell
from ..spaces.known import NASBENCH201, TRANSBENCH101_MICRO, get_space
from ..spaces.space import SearchSpace
from ..store import weights
from ..store.files import remove_file, write_bytes
from ..store.locks import alone_in
from ..store.sealed import DamagedError
from .compat import load_naslib
from .live_scores import build_network

WEIGHTS, ABOUT, SCRIPT = "network.safetensors", "network.json", "network.pt"
TRAIN_PROGRAM, EVAL_PROGRAM = "network.pt2", "network_eval.pt2"

_FORMAT = "naslib_archlock.network/2"
_ANY_TASK = ""  # a name that no benchmark has, so that NASLib builds the network for images of any size
_READABLE = str.maketrans("-(,", "___", ")")


def export_network(
    space: SearchSpace,
    arch: Sequence[int],
    folder: Path,
    *,
    n_classes: int,
    in_channels: int = 3,
    image_size: int,
    task: str = "",
    seed: int = 0,
    fmt: str = "torchscript",
) -> list[Path]:
    """Write NASLib's network of a cell, untrained, into ``folder``.

    All files hold the same weights under the same names. What an earlier export left there is replaced, or removed.

    * ``network.safetensors``: the weights, and as metadata what ``load_network`` needs;
    * ``network.json``: the same metadata, and a drawing of the cell, for people;
    * with ``torchscript``, ``network.pt``, for ``torch.jit.load``: a module with ``train()`` and ``eval()``, for images
      of any size that fits;
    * with ``torch.export``, ``network.pt2`` and ``network_eval.pt2``, for ``torch.export.load(path).module()``: a
      program has one mode, so the first is trained, and the second evaluates with the first one's ``state_dict()``;
      for images of ``image_size`` alone.

    The networks map ``n x in_channels x image_size x image_size`` images, for any ``n``, to ``n x n_classes`` logits.

    Args:
        space: nasbench201 or transbench101_micro.
        arch: a cell whose output depends on its input.
        image_size: in pixels; a multiple of 4 always fits.
        task: what the cell is for, kept in the metadata: also of a TransNAS task, the network is the smaller one
            for images of any size.
        seed: of the weights; global random generators are left as they were.
    Returns: the files written.

    Raises:
        ConfigError: for a number out of range, images that the network cannot take, a disconnected cell, the macro
            space, or ``torch.export`` where torch lacks it.
        UnknownNameError: for an unknown ``fmt``.
        CellError.
        NaslibError.
        OutputError.
    """
    cell = as_cell(arch)
    _check(space, cell, n_classes, in_channels, image_size, fmt)
    load_naslib()
    about = {
        "space": space.name,
        "arch": space.to_str(cell),
        "cell": cell,
        "task": task,
        "n_classes": n_classes,
        "in_channels": in_channels,
        "image_size": image_size,
        "seed": seed,
        "versions": library_versions(),
    }
    with global_generators(), single_threaded():
        torch.manual_seed(seed)
        module = _unrolled(build_network(space, _ANY_TASK, cell, n_classes, in_channels))
        images = torch.zeros(2, in_channels, image_size, image_size)
        _check_fit(module, images)
        files = {WEIGHTS: weights.encode(module.state_dict(), _FORMAT, about)}
        files.update(_SAVERS[fmt](module, images))
    files[ABOUT] = (json.dumps({"format": _FORMAT, **about, "drawing": space.draw(cell)}, indent=1) + "\n").encode()
    with alone_in(folder):
        for name in {SCRIPT, TRAIN_PROGRAM, EVAL_PROGRAM} - set(files):
            remove_file(folder / name)
        for name, data in files.items():
            write_bytes(folder / name, data)
    return [folder / name for name in files]


def load_network(folder: Path) -> nn.Module:
    """NASLib's own network with the weights that ``export_network`` wrote, in training mode.

    Raises:
        ConfigError: if ``network.safetensors`` is missing, damaged, or another model's.
        NaslibError.
    """
    path = folder / WEIGHTS
    try:
        metadata, tensors = weights.decode(path, _FORMAT)
    except (OSError, safetensors.SafetensorError, DamagedError) as err:
        raise ConfigError(f"network file {path} cannot be read ({err}); export the network again") from err
    if _FORMAT not in metadata:
        raise ConfigError(
            f"{path} is a safetensors file, but not a network of format {_FORMAT!r} "
            f"(its metadata: {', '.join(metadata) or 'none'}); export the network again"
        )
    load_naslib()
    try:
        about = json.loads(metadata[_FORMAT])
        cell = as_cell(about["cell"])
        with global_generators():
            network: nn.Module = build_network(
                get_space(about["space"]), _ANY_TASK, cell, about["n_classes"], about["in_channels"]
            )
        naslib_name = {_readable(name): name for name in network.state_dict()}
        network.load_state_dict({naslib_name[name]: tensor for name, tensor in tensors.items()})
    except (LookupError, TypeError, ValueError, RuntimeError) as err:
        raise ConfigError(f"network file {path} contradicts itself ({err}); export the network again") from err
    return network


def _check(
    space: SearchSpace, cell: Sequence[int], n_classes: int, in_channels: int, image_size: int, fmt: str
) -> None:
    """Refuse what cannot be exported before NASLib is asked for it."""
    if fmt not in _SAVERS:
        raise unknown("export format", fmt, _SAVERS)
    if fmt == "torch.export" and not HAS_PROGRAMS:
        raise ConfigError(
            f"the export format torch.export needs torch 2.6 or newer, and this is {torch.__version__}; choose "
            "torchscript, or a newer torch"
        )
    if space.naslib_network != space.name:
        raise ConfigError(
            f"{space.name} cannot be exported: NASLib has no network of it for images of any size; choose an "
            f"architecture of {NASBENCH201.name} or {TRANSBENCH101_MICRO.name}"
        )
    for name, value, least, most in (
        ("n_classes", n_classes, 2, 100_000),  # larger numbers would fill the memory before an error comes
        ("in_channels", in_channels, 1, 1000),
        ("image_size", image_size, 1, 4096),
    ):
        if not least <= value <= most:
            raise ConfigError(f"{name} is {value}; an exported network needs at least {least}, and at most {most}")
    if not space.representatives([cell]).any():
        raise ConfigError(
            f"the cell {space.to_str(tuple(cell))} is disconnected: its network would answer the same for every image; "
            "choose one with a path of ops other than none from its input to its output"
        )


def _check_fit(module: nn.Module, images: Tensor) -> None:
    """Raises: ConfigError: if the network cannot take images of this size."""
    try:
        with torch.no_grad():
            module.eval()(images)
    except RuntimeError as err:
        size = images.shape[-1]
        raise ConfigError(
            f"images of {size} x {size} pixels do not fit this cell's network ({err}); choose an image_size that is a "
            "multiple of 4"
        ) from err
    module.train()


def _save_script(module: nn.Module, images: Tensor) -> dict[str, bytes]:
    data = io.BytesIO()
    with warnings.catch_warnings():
        # torch deprecates TorchScript, but has no other file that holds a module with both modes; its other warnings
        # are about how torch's own modules are written
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module), data)
    return {SCRIPT: data.getvalue()}


def _save_programs(module: nn.Module, images: Tensor) -> dict[str, bytes]:
    files = {}
    for name, training in ((TRAIN_PROGRAM, True), (EVAL_PROGRAM, False)):
        any_batch = ({0: torch.export.Dim("n", min=1, max=2**31 - 1)},)
        program = torch.export.export(module.train(training), (images,), dynamic_shapes=any_batch)
        data = io.BytesIO()
        torch.export.save(program, data)
        files[name] = data.getvalue()
    return files


HAS_PROGRAMS = torch.__version__ >= "2.6"  # the programs of 2.5 cannot be trained: BatchNorm stops the gradient
_SAVERS = {"torchscript": _save_script, "torch.export": _save_programs}


def _unrolled(network: Any) -> fx.GraphModule:
    """A parsed network as a plain sequence of torch's modules; the modules are shared with ``network``."""
    traced = _Unroller(network).trace(lambda images: network(images))
    # A copy does not say that a lambda made it: by that, torch 2.13 would look for its source in vain.
    graph = fx.Graph()
    graph.output(graph.graph_copy(traced, {}))
    return fx.GraphModule({_readable(name): module for name, module in network.named_modules() if name}, graph)


class _Unroller(fx.Tracer):
    """Records which of torch's modules a parsed network calls on what.

    Graphs are walked here, as in NASLib's ``Graph.forward``, because that insists on tensors. All its graphs in these
    networks have one input node, and edges that lead to higher numbers.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._names = {id(module): _readable(name) for name, module in network.named_modules()}
        self._graph_class: Any = importlib.import_module("naslib.search_spaces.core.graph").Graph
        self._zero_class: Any = importlib.import_module("naslib.search_spaces.core.primitives").Zero

    def path_of_module(self, mod: nn.Module) -> str:
        return self._names[id(mod)]

    def call_module(self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(m, self._graph_class):
            return self._walk(m, args[0])
        if isinstance(m, self._zero_class) and m.C_in != m.C_out:
            # a reduction, which doubles the channels; its own forward does arithmetic on the shape
            reduced = args[0][:, :, :: m.stride, :: m.stride].mul(0.0)
            return torch.cat([reduced, reduced], dim=1)
        return super().call_module(m, forward, args, kwargs)

    def _walk(self, graph: Any, images: Any) -> Any:
        nodes = sorted(graph.nodes)
        terms: dict[int, list[Any]] = {node: [] for node in nodes}
        terms[nodes[0]].append(images)
        for node in nodes:
            value = sum(terms[node][1:], terms[node][0])
            if "subgraph" in graph.nodes[node]:
                value = graph.nodes[node]["subgraph"](value)
            for head in graph.neighbors(node):
                terms[head].append(graph.edges[node, head].op(value, None))
        return value


def _readable(name: str) -> str:
    """NASLib's name of a module or weight without what a program's names cannot hold.

    ``makrograph-edge(2,3).cell-edge(1,4).op.1.weight`` becomes ``makrograph_edge_2_3.cell_edge_1_4.op.1.weight``.
    """
    return name.translate(_READABLE)
