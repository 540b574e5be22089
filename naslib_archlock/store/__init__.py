"""Files: written whole or not at all, read within limits, sealed by checksums, and kept for the next run."""
