"""Small networks of a canonical cell, which this package trains itself: on the digits tasks, and on a user's images.

The skeleton is that of NAS-Bench-201 (Dong and Yang, ICLR 2020, section 2.1) made small: a stem, stages of one cell,
each with twice the channels and half the resolution of the one before, and a head. Between stages there is only
pooling and a 1 x 1 convolution, so that what is done in space is up to the cell. With five cells a stage and residual
blocks between stages, the network is that of NAS-Bench-201.

Several networks of one cell can be built side by side as the groups of one (``copies``): they share no weight and see
each their own images, and three of them train in little more than half the time of three in a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from ..spaces.cells import AVG_POOL, CONV_1X1, CONV_3X3, EDGES, NONE, SKIP, Cell
from ..tasks.labelled_images import LabelledImages

_FIRST_STAGE = 32  # pixels a side: those that the cells of the benchmarks see first


def _relu_conv_bn(channels: int, size: int, copies: int) -> nn.Module:
    """ReLU, convolution, batch normalisation: the order of NAS-Bench-201."""
    conv = nn.Conv2d(channels, channels, size, padding=size // 2, groups=copies, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(channels))


_MAKE_OP: dict[int, Callable[[int, int], nn.Module]] = {
    SKIP: lambda channels, copies: nn.Identity(),
    CONV_1X1: lambda channels, copies: _relu_conv_bn(channels, 1, copies),
    CONV_3X3: lambda channels, copies: _relu_conv_bn(channels, 3, copies),
    AVG_POOL: lambda channels, copies: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
}


class CellModule(nn.Module):
    """The cell: each node is the sum of its edges' ops on earlier nodes; an edge from an empty node adds nothing."""

    def __init__(self, cell: Cell, channels: int, copies: int = 1) -> None:
        super().__init__()
        self._edges = [edge for edge, op in zip(EDGES, cell) if op != NONE]
        self.ops = nn.ModuleList(_MAKE_OP[op](channels, copies) for op in cell if op != NONE)

    def forward(self, x: Tensor) -> Tensor:
        nodes: list[Any] = [x, None, None, None]
        for (source, node), op in zip(self._edges, self.ops):
            if nodes[source] is not None:
                term = op(nodes[source])
                nodes[node] = term if nodes[node] is None else nodes[node] + term
        return torch.zeros_like(x) if nodes[3] is None else nodes[3]


class ResidualBlock(nn.Module):
    """What NAS-Bench-201 puts between two stages: a basic block of a ResNet that halves the image.

    An image of an odd number of pixels is halved upwards.
    """

    def __init__(self, width_in: int, width_out: int, copies: int) -> None:
        super().__init__()
        narrow, wide = copies * width_in, copies * width_out
        self.convs = nn.Sequential(
            nn.ReLU(), nn.Conv2d(narrow, wide, 3, 2, padding=1, groups=copies, bias=False), nn.BatchNorm2d(wide),
            nn.ReLU(), nn.Conv2d(wide, wide, 3, padding=1, groups=copies, bias=False), nn.BatchNorm2d(wide),
        )  # fmt: skip
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(narrow, wide, 1, groups=copies, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.convs(x) + self.shortcut(x)


class CellNetwork(nn.Module):
    """A network with one cell, or several alike, in every stage.

    Args:
        cell: canonical.
        n_outputs: classes or numbers, of the image or, if ``dense``, of each of its pixels.
        widths: channels of each stage.
        copies: networks side by side.
        cells_per_stage: 5 in NAS-Bench-201.
        stem_strides: how often the stem halves the image before the first stage (``stem_strides``).
        has_residual_blocks: whether residual blocks stand between the stages, as in NAS-Bench-201.
    """

    def __init__(
        self,
        cell: Cell,
        in_channels: int,
        n_outputs: int,
        dense: bool = False,
        widths: Sequence[int] = (8, 16),
        copies: int = 1,
        cells_per_stage: int = 1,
        stem_strides: int = 0,
        has_residual_blocks: bool = False,
    ) -> None:
        super().__init__()
        self.copies = copies
        self._upscale = 2 ** (len(widths) - 1 + stem_strides) if dense else 1
        self._dense = dense

        def conv(width_in: int, width_out: int, size: int, bias: bool = False, stride: int = 1) -> nn.Module:
            padding = size // 2
            return nn.Conv2d(copies * width_in, copies * width_out, size, stride, padding, groups=copies, bias=bias)

        def norm(width: int) -> nn.Module:
            return nn.BatchNorm2d(copies * width)

        def reduction(narrow: int, wide: int) -> list[nn.Module]:
            if has_residual_blocks:
                return [ResidualBlock(narrow, wide, copies)]
            return [nn.AvgPool2d(2), conv(narrow, wide, 1), norm(wide)]

        def cells(width: int) -> list[nn.Module]:
            return [CellModule(cell, copies * width, copies) for _ in range(cells_per_stage)]

        layers = [conv(in_channels, widths[0], 3, stride=2 if stem_strides else 1), norm(widths[0])]
        for _ in range(stem_strides - 1):
            layers += [nn.ReLU(), conv(widths[0], widths[0], 3, stride=2), norm(widths[0])]
        layers += cells(widths[0])
        for narrow, wide in zip(widths, widths[1:]):
            layers += [*reduction(narrow, wide), *cells(wide)]
        self.body = nn.Sequential(*layers, norm(widths[-1]), nn.ReLU())
        self.head = conv(widths[-1], n_outputs * self._upscale**2, 1, bias=True)

    def forward_before_global_avg_pool(self, images: Tensor) -> Tensor:
        """Features, ``n x channels x height x width``; under the name by which NASLib's zen proxy asks for them."""
        return self.body(images)

    def forward(self, images: Tensor) -> Tensor:
        """``n x outputs``, or ``n x outputs x height x width`` if dense; of several copies one after the other.

        Args:
            images: ``n x channels x height x width``, the channels of several copies one after the other.
        """
        features = self.forward_before_global_avg_pool(images)
        if self._dense:
            return pixel_shuffle(self.head(features), self._upscale)
        return self.head(features.mean(dim=(2, 3), keepdim=True)).flatten(1)


def network_for(
    data: LabelledImages,
    cell: Cell,
    widths: Sequence[int] = (8, 16),
    copies: int = 1,
    cells_per_stage: int = 1,
    has_residual_blocks: bool = False,
) -> CellNetwork:
    """An untrained network of ``cell`` for a task, with weights from torch's global generator."""
    return CellNetwork(
        cell,
        data.images.shape[1],
        data.n_outputs,
        data.is_dense,
        widths,
        copies,
        cells_per_stage,
        stem_strides(min(data.images.shape[2:])),
        has_residual_blocks,
    )


def stem_strides(image_size: int) -> int:
    """How often the stem halves an image, so that the first stage sees about 32 pixels a side.

    It is never for 32 pixels, as in NAS-Bench-201, once for 64, and three times for 224.
    """
    return max(round(math.log2(image_size / _FIRST_STAGE)), 0)
