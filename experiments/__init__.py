"""The project's experiments, run from the repository's folder: ``python -m experiments.NAME.run``."""
