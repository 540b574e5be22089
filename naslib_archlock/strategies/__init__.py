"""Strategies of search, and what they maximise: a fitness that is high for good source and bad target performance."""
