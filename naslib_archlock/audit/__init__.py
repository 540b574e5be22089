"""The transfer audit: what an adversary makes of a released network, by attacks on networks that are really trained.

Benchmarks say how well an architecture fits a task when it is trained on it from scratch. Here the networks are trained
on the source, and their weights are attacked on a target.
"""
