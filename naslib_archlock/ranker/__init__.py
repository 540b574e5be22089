"""The binary ranker: which of two architectures is better on a task (ArchLock, section 3.2)."""
