"""Contract tests for authors of a benchmark, embedding, ranker or strategy; they need no test framework."""
