"""``python -m naslib_archlock`` does what ``archlock`` does."""

from __future__ import annotations

import sys

from .commands.main import main

if __name__ == "__main__":  # a worker process that imports this module again must not run the command again
    sys.exit(main())
