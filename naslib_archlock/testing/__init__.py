"""Contract tests that authors of a benchmark or an embedding can run on their own; they need no test framework."""
