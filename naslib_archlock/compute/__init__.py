"""How work runs: in parallel parts, on a cluster, on which device, with which threads and random numbers."""
