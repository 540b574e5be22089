"""Search spaces: their architectures, how these are written, numbered and encoded, and the features of their wiring."""
