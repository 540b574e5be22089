"""The network of an architecture that this package builds itself, as files that need nothing but torch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import fx

from .cell_network import CellNetwork, stem_strides
from .network_files import Export

WIDTHS, CELLS_PER_STAGE = (16, 32, 64), 5  # the size of NAS-Bench-201's networks


def export_own_network(
    export: Export, folder: Path, widths: Sequence[int] = WIDTHS, cells_per_stage: int = CELLS_PER_STAGE
) -> list[Path]:
    """Write this package's network of an architecture, untrained, into ``folder`` (``Export.write``).

    The weights are named as in ``CellNetwork``. Those of edges on which the output does not depend are left out.

    Args:
        export: the architecture, and for which images.
        folder: made if it is not there.
        widths: channels of each stage; every stage after the first halves the image.
        cells_per_stage: cells in a row.
    Returns:
        the files written.

    Raises:
        ConfigError: if this package builds no networks of the search space, or images of this size do not fit.
        OutputError.
    """
    cell = export.space.network_cell(export.cell)

    def build() -> fx.GraphModule:
        return _traced(
            CellNetwork(
                cell,
                export.in_channels,
                export.n_classes,
                widths=widths,
                cells_per_stage=cells_per_stage,
                stem_strides=stem_strides(export.image_size),
            )
        )

    return export.write(folder, build, network="own", widths=list(widths), cells_per_stage=cells_per_stage)


def export_trained_network(export: Export, folder: Path, network: CellNetwork, **about: Any) -> list[Path]:
    """Write a trained network of an architecture into ``folder`` (``Export.write``).

    Args:
        export: the architecture, and for which images.
        folder: made if it is not there.
        network: a network of the architecture for these images; it stays as it is.
        about: more to keep in the metadata.
    Returns:
        the files written.

    Raises: OutputError.
    """
    return export.write(folder, lambda: _traced(copy.deepcopy(network).cpu()), network="own", trained=True, **about)


def _traced(network: CellNetwork) -> fx.GraphModule:
    traced = fx.symbolic_trace(network)
    for node in traced.graph.nodes:
        node.type = None  # TorchScript does not know the names that fx gives to types
    traced.recompile()
    return traced
