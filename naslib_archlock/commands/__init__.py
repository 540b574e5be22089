"""What each command of ``archlock`` does: one module a command."""
