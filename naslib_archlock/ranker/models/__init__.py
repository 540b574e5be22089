"""The kinds of ranker models, one file each: the name of the file is the name of the kind (see ``model_kinds``)."""
