"""Locking an architecture: what a scheme may see, the search that is prepared from it, and its result."""
