"""The keys that NASLib's runners need in the same file.

They mean nothing to this package, but it knows their names, so that a misspelt key is still an error.
"""

from __future__ import annotations

# Section -> the names of its keys. The section "" is the top level.
NASLIB_KEYS: dict[str, tuple[str, ...]] = {
    "": (
        "config_id", "evaluation", "predictor", "experiment_type", "uniform_random", "test_size", "train_size_single",
        "train_size_list", "fidelity_single", "fidelity_list", "max_hpo_time", "hparams_from_file", "batch_size",
        "train_portion", "cutout", "cutout_length", "cutout_prob", "data_size", "num_workers", "gpu", "save",
        "eval_only", "resume", "model_path", "data", "save_arch_weights", "plot_arch_weights",
    ),
    "search": (
        "seed", "budgets", "fidelity", "predictor_type", "num_init", "k", "num_ensemble", "acq_fn_type",
        "acq_fn_optimization", "encoding_type", "num_arches_to_mutate", "max_mutations", "num_candidates",
        "batch_size", "data_size", "cutout", "cutout_length", "cutout_prob", "train_portion", "debug_predictor",
        "use_zc_api", "zc", "zc_names", "zc_only", "zc_ensemble", "load_labeled", "gpu", "learning_rate",
        "learning_rate_min", "momentum", "weight_decay", "grad_clip", "warm_start_epochs", "unrolled",
        "arch_learning_rate", "arch_weight_decay", "output_weights", "tau_max", "tau_min", "instantenous",
        "drop_path_prob",
    ),
}  # fmt: skip
