"""Architectures as directed graphs with an op on each node, as graph networks and transformers read them.

Node 0 is the input, the last node is the output, and the nodes between are the six slots of an architecture. In a cell,
an edge of the canonical notation is a node here, and two nodes are joined where the first edge ends at the node that
the second leaves. A slot without an op is no node: nothing leads to it or from it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .cells import EDGES, N_CODES, N_SLOTS, NONE, representatives

N_NODES = N_SLOTS + 2
INPUT, OUTPUT = 0, N_NODES - 1
# Labels of nodes: the codes of ops, which are different things in each family of spaces, then these two.
INPUT_LABEL, OUTPUT_LABEL = N_CODES, N_CODES + 1
N_LABELS = N_CODES + 2


class OpGraphs(NamedTuple):
    """The graphs of ``n`` architectures, with ``N_NODES`` nodes each.

    Attributes:
        labels: ``n x N_NODES`` int64, what stands on each node; code 0 means that there is no node.
        adjacency: ``n x N_NODES x N_NODES`` float32, 1 where the row's node leads to the column's.
    """

    labels: np.ndarray
    adjacency: np.ndarray

    @property
    def is_node(self) -> np.ndarray:
        """Whether each place holds a node, ``n x N_NODES``."""
        return np.asarray(self.labels != NONE)


def cell_graphs(cells: np.ndarray) -> OpGraphs:
    """The graphs of ``n x 6`` op codes, of their representatives: cells that compute one function have one graph."""
    joined = np.zeros((N_NODES, N_NODES), dtype=bool)
    for slot, (start, end) in enumerate(EDGES, start=1):
        joined[INPUT, slot] = start == 0
        joined[slot, OUTPUT] = end == 3
        for other, (other_start, _) in enumerate(EDGES, start=1):
            joined[slot, other] = end == other_start
    return _graphs(representatives(cells), joined[None])


def chain_graphs(modules: np.ndarray) -> OpGraphs:
    """The graphs of ``n x 6`` macro architectures: one node after the other; codes 0 stand behind the last module."""
    n_modules = (modules > 0).sum(axis=1)
    joined = np.zeros((len(modules), N_NODES, N_NODES), dtype=bool)
    joined[:, np.arange(N_NODES - 2), np.arange(1, N_NODES - 1)] = True
    joined[np.arange(len(modules)), n_modules, OUTPUT] = True
    return _graphs(modules, joined)


def _graphs(codes: np.ndarray, joined: np.ndarray) -> OpGraphs:
    """The graphs with ``codes`` on the slots, joined where ``joined`` says so and both nodes exist."""
    ends = np.tile([INPUT_LABEL, OUTPUT_LABEL], (len(codes), 1))
    labels = np.column_stack([ends[:, 0], codes, ends[:, 1]]).astype(np.int64)
    is_node = labels != NONE
    return OpGraphs(labels, (joined & is_node[:, :, None] & is_node[:, None]).astype(np.float32))


def laplacian_positions(graphs: OpGraphs) -> np.ndarray:
    """The eigenvectors of each graph's normalised Laplacian, without regard to direction, as positions of its nodes.

    They are the position codes of graph transformers (Dwivedi and Bresson, "A Generalization of Transformer Networks to
    Graphs", 2021). The sign of an eigenvector is free: here its largest entry is positive.

    Returns: ``n x N_NODES x N_NODES`` float32; the row of a node holds its entries, by ascending eigenvalue.
    """
    both_ways = np.maximum(graphs.adjacency, graphs.adjacency.transpose(0, 2, 1)).astype(np.float64)
    degree = both_ways.sum(axis=2)
    scale = np.where(degree > 0, 1 / np.sqrt(np.maximum(degree, 1)), 0.0)
    laplacian = np.eye(N_NODES) - scale[:, :, None] * both_ways * scale[:, None]
    _, vectors = np.linalg.eigh(laplacian)
    rounded = np.abs(vectors).round(6)  # so that the first of several equal entries decides
    largest = np.take_along_axis(vectors, rounded.argmax(axis=1)[:, None], axis=1)
    signed = vectors * np.where(largest < 0, -1.0, 1.0)
    return np.asarray(signed * graphs.is_node[:, :, None], dtype=np.float32)
