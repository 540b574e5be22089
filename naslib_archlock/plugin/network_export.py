"""A found cell as a ready network: NASLib's own, as files that need nothing but torch to be trained.

NASLib builds a network as a graph of graphs, whose ``forward`` walks them in Python and can be neither scripted nor
traced. It is unrolled here into torch's own modules, with NASLib's weights under nearly NASLib's names, and then saved
(``networks.network_files``).
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import fx, nn

from ..compute.seeding import global_generators
from ..errors import ConfigError
from ..networks.network_files import FORMAT, WEIGHTS, Export
from ..spaces.cells import as_cell
from ..spaces.known import NASBENCH201, TRANSBENCH101_MICRO, get_space
from ..store import weights
from ..store.sealed import DamagedError
from .compat import load_naslib
from .live_scores import build_network

_ANY_TASK = ""  # a name that no benchmark has, so that NASLib builds the network for images of any size
_READABLE = str.maketrans("-(,", "___", ")")


def export_network(export: Export, folder: Path) -> list[Path]:
    """Write NASLib's network of a cell, untrained, into ``folder`` (``Export.write``).

    Also for a TransNAS task, the network is the smaller one for images of any size.

    Args:
        export: a cell of nasbench201 or transbench101_micro, and for which images; a size that is a multiple of 4
            always fits.
        folder: made if it is not there.
    Returns:
        the files written.

    Raises:
        ConfigError: for another search space, or images that the network cannot take.
        NaslibError.
        OutputError.
    """
    if export.space.naslib_network != export.space.name:
        raise ConfigError(
            f"{export.space.name} cannot be exported: NASLib has no network of it for images of any size; choose an "
            f"architecture of {NASBENCH201.name} or {TRANSBENCH101_MICRO.name}"
        )
    load_naslib()

    def build() -> fx.GraphModule:
        network = build_network(export.space, _ANY_TASK, export.cell, export.n_classes, export.in_channels)
        return _unrolled(network)

    return export.write(folder, build, network="naslib")


def load_network(folder: Path) -> nn.Module:
    """NASLib's own network with the weights that ``export_network`` wrote, in training mode.

    Raises:
        ConfigError: if ``network.safetensors`` is missing, damaged, or another model's.
        NaslibError.
    """
    path = folder / WEIGHTS
    try:
        metadata, tensors = weights.decode(path, FORMAT)
    except (OSError, safetensors.SafetensorError, DamagedError) as err:
        raise ConfigError(f"network file {path} cannot be read ({err}); export the network again") from err
    if FORMAT not in metadata:
        raise ConfigError(
            f"{path} is a safetensors file, but not a network of format {FORMAT!r} "
            f"(its metadata: {', '.join(metadata) or 'none'}); export the network again"
        )
    about = json.loads(metadata[FORMAT])
    if isinstance(about, dict) and about.get("network") == "own":
        raise ConfigError(f"{path} holds the weights of this package's own network, not of NASLib's; load network.pt")
    load_naslib()
    try:
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
