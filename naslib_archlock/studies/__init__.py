"""Studies: grids of methods, search spaces, task pairs, source budgets and seeds, run and compared."""
