"""The kinds of networks that are trained on images. Without torch, so that a configuration is checked at once."""

from __future__ import annotations

SMALL, NASBENCH201_NETWORK = "small", "nasbench201"
NETWORKS = (SMALL, NASBENCH201_NETWORK)
