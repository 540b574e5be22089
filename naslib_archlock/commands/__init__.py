"""The commands of ``archlock``, one module each, with ``add_arguments(parser)`` and ``run(args)``.

Help is quick because a command's module imports only ``argparse``, ``errors`` and the like at its top. Everything that
takes time to import is imported inside ``run``, or inside a function that ``run`` calls.
"""
