"""The project's experiments. Run each from the repository's folder: ``python -m experiments.NAME.run``."""
