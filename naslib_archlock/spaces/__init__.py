"""Search spaces: the architectures, how they are written and encoded, and what their wiring says about them."""
