"""An audit: cells are trained on the source and attacked on targets, in parts that are kept as they are made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..compute.core_time import core_time
from ..compute.devices import find_device
from ..compute.messages import LOGGER
from ..compute.parts import Workers, compute_parts
from ..compute.threads import single_threaded_on
from ..compute.versions import library_versions
from ..config.sections import Config
from ..errors import ConfigError
from ..networks.fit import FitSettings, fit, scores
from ..spaces.cells import Cell
from ..spaces.known import get_space
from ..spaces.space import SearchSpace
from ..tasks.labelled_images import LabelledImages, digest_of
from ..tasks.names import task_name
from .attacks import SCRATCH, Release, attack, drawn_images, possible_attacks
from .audit_images import fit_settings, learning_settings, splits_of, splits_on

_STEPS_TIMED = 30
_VERSION = 3  # raise it when the same settings give other figures than before


def run_audit(
    config: Config, cells: Mapping[str, Sequence[Cell]], folder: Path, workers: Workers
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Attack cells that were trained on ``config.dataset``.

    Args:
        cells: target -> the cells to attack on it; those that compute the same function are attacked once.
        folder: keeps what is done, and another call with the same arguments goes on from there.
        workers: processes of this machine.
    Returns:
        figures on the source, a row for each cell and seed (arch, seed, val, test), and figures of the attacks, a row
        for each target, cell, budget of the attacker, attack, learning rate and seed (target, arch, fraction_pct,
        steps_pct, attack, learning_rate, seed, val, test). ``arch`` is the official string of the cell that stands for
        its function.
    Raises:
        ConfigError: if source and target differ in the channels of their images, a fraction is not one image, or
            images are too small for so many stages.
        ImageError, NaslibError, UnknownNameError.
        OutputError: if the folder holds parts of another audit.
    """
    targets = list(cells)
    device = find_device(config.archlock.device)
    space = get_space(config.search_space)
    functions = {target: _functions(space, some) for target, some in cells.items()}
    settings = _settings(config, targets, device)
    networks = learning_settings(config, device)
    settings["networks"] = asdict(networks)
    calls = {
        f"{''.join(map(str, cell))}-{targets.index(target)}-{fraction:g}-{steps:g}": (
            config,
            device,
            networks,
            cell,
            target,
            fraction,
            steps,
        )
        for cell in dict.fromkeys(
            cell for some in functions.values() for cell in some
        )  # a process trains each cell once
        for target in targets
        if cell in functions[target]
        for fraction, steps in _budgets(config)
    }
    if not folder.exists():  # otherwise the progress tells the time, which work that goes on is not measured for
        n_cells = {target: len(some) for target, some in functions.items()}
        LOGGER.info("%s, %s", plan_audit(config, n_cells, networks, device), workers)
    parts = compute_parts(_attacked, calls, folder, settings, workers, "attacks")
    on_source: dict[Cell, Any] = {}
    rows = []
    for (*_, cell, target, fraction, steps), part in zip(calls.values(), parts.values()):
        on_source[cell] = part["source"]
        arch = space.to_str(cell)
        for attacked in part["attacks"]:
            budget = {"fraction_pct": fraction, "steps_pct": steps}
            rows += list(_each_seed({"target": task_name(target), "arch": arch, **budget, **attacked}))
    of_source = [
        row for cell, metrics in on_source.items() for row in _each_seed({"arch": space.to_str(cell), **metrics})
    ]
    return pd.DataFrame(of_source), pd.DataFrame(rows)


class Plan(NamedTuple):
    """How much an audit trains.

    Attributes:
        n_released: networks that are trained on the source.
        n_attacks: attacks on a network; those from scratch are among them.
        seconds: the time of one core, or of the GPU, by timing the first steps of a training on this machine.
        steps_timed: how many these were.
    """

    n_released: int
    n_attacks: int
    seconds: float
    steps_timed: int

    def __str__(self) -> str:
        return (
            f"{self.n_released} networks on the source x attacks, {self.n_attacks} in all: about "
            f"{core_time(self.seconds)} (from {self.steps_timed} steps of training on this machine)"
        )


def plan_audit(config: Config, n_cells: Mapping[str, int], settings: FitSettings, device: str) -> Plan:
    """How much an audit trains and how long that takes at most. It trains a network for a few steps to find out.

    Args:
        n_cells: target -> how many cells are attacked on it.
        settings: ``learning_settings``.
    """
    source = splits_on(config, config.dataset, device)["train"]
    n_steps = settings.n_steps(len(source))
    timed = min(n_steps, _STEPS_TIMED)
    space = get_space(config.search_space)
    cell = space.network_cell(tuple(space.distinct()[0].tolist()))
    with single_threaded_on(device):
        fit(cell, source, replace(settings, epochs=0, min_steps=1), _seeds(config))  # the first step takes longer
        start = time.perf_counter()
        fit(cell, source, replace(settings, epochs=0, min_steps=timed), _seeds(config))
        seconds_a_step = (time.perf_counter() - start) / timed
    seeds, of_source = config.audit.seeds, max(n_cells.values())
    steps, n_attacks = float(of_source * n_steps), 0
    for target, n in n_cells.items():
        n_trainings = n * len(attacks_on(config, target)) * len(config.audit.learning_rate_list)
        whole = settings.n_steps(len(splits_of(config, target)["train"]))
        steps += n_trainings * whole * sum(share for _, share in _budgets(config)) / 100
        n_attacks += n_trainings * len(_budgets(config)) * seeds
    return Plan(of_source * seeds, n_attacks, steps * seconds_a_step, timed)


def _budgets(config: Config) -> list[tuple[float, float]]:
    """The images and steps that the attacker has, in %: one of the two is always the largest that was asked for."""
    images, steps = config.audit.fraction_list, config.audit.step_fraction_list
    return [(fraction, steps[-1]) for fraction in images] + [(images[-1], fewer) for fewer in steps[:-1]]


def archs_of(space: SearchSpace, cells: Sequence[Cell]) -> list[str]:
    """What the results of an audit call these cells."""
    return [space.to_str(cell) for cell in _functions(space, cells)]


def _functions(space: SearchSpace, cells: Sequence[Cell]) -> list[Cell]:
    """The cells that stand for the functions of these, each once."""
    return list(dict.fromkeys(tuple(cell) for cell in space.representatives(list(cells)).tolist()))


def _each_seed(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one row for each seed from a row that holds the lists of figures of all seeds."""
    for seed, (val, test) in enumerate(zip(row["val"], row["test"])):
        yield {**row, "seed": seed, "val": val, "test": test}


def _settings(config: Config, targets: Sequence[str], device: str) -> dict[str, Any]:
    """What the figures depend on, and the names of their parts.

    Raises: ConfigError: if networks cannot be used on a task's images.
    """
    n_stages = len(fit_settings(config).widths)
    channels = splits_of(config, config.dataset)["train"].images.shape[1]
    for target in targets:
        attacks_on(config, target)
    digests = {}
    for task in (config.dataset, *targets):
        splits = splits_of(config, task)
        _check_stages(n_stages, splits["train"], task)
        if splits["train"].images.shape[1] != channels:
            raise ConfigError(
                f"images of {task_name(task)} have {splits['train'].images.shape[1]} channels, and those of the source "
                f"{task_name(config.dataset)} {channels}: its weights cannot be used on them"
            )
        for fraction in config.audit.fraction_list:
            drawn_images(splits["train"], fraction, [0])  # an error must come now, not after hours
        digests[task_name(task)] = digest_of(*splits.values())
    return {
        "version": _VERSION,
        "source": task_name(config.dataset),
        "targets": [task_name(target) for target in targets],  # the names of parts hold the positions of targets
        "learning_rates": config.audit.learning_rate_list,
        "attacks": [*config.audit.attack_list, SCRATCH],
        "has_momentum": config.audit.rules.has_momentum,
        "seeds": config.audit.seeds,
        "seed": config.seed,
        "device": device.partition(":")[0],
        "images": digests,
        "versions": library_versions(),
    }


def attacks_on(config: Config, target: str) -> list[str]:
    """The attacks to make on a target; training from scratch is the last.

    Raises:
        UnknownNameError: if there is no such attack.
        ConfigError: if none can be made on the target.
    """
    source, images = (splits_of(config, task)["train"] for task in (config.dataset, target))
    possible = possible_attacks(config.audit.attack_list, source, images)
    if not set(possible) - {SCRATCH}:
        raise ConfigError(
            f"audit.attacks: {', '.join(config.audit.attack_list)} need a target with the classes of the source, and "
            f"those of {task_name(target)} are not known to be the classes of {task_name(config.dataset)}; name other "
            "attacks, such as fine-tuning"
        )
    return list(dict.fromkeys([*possible, SCRATCH]))


def notes_on_attacks(config: Config, targets: Sequence[str]) -> list[str]:
    """A sentence for each target on the attacks that cannot be made on it, if there are any."""
    notes = []
    for target in targets:
        left_out = [name for name in config.audit.attack_list if name not in attacks_on(config, target)]
        if left_out:
            notes.append(
                f"Not made on {task_name(target)}: {', '.join(left_out)}. They use the released head, and its classes "
                f"are not known to be those of {task_name(config.dataset)}."
            )
    return notes


def _check_stages(n_stages: int, images: LabelledImages, task: str) -> None:
    """Check the size: each stage after the first halves the images, and normalisation needs more than one pixel."""
    size = min(images.images.shape[2:])
    if size >> (n_stages - 1) < 2:
        raise ConfigError(
            f"audit.widths has {n_stages} stages, each half the size of the one before: the images of "
            f"{task_name(task)}, {size} pixels, allow {size.bit_length() - 1}"
        )


# -- in whatever process -----------------------------------------------------------------------------------------------


def _attacked(
    config: Config, device: str, settings: FitSettings, cell: Cell, target: str, fraction: float, steps: float
) -> dict[str, Any]:
    """The figures of a released network on the source, and of all attacks on it with a part of a target's images."""
    cell = get_space(config.search_space).network_cell(cell)
    with single_threaded_on(device):
        release, on_source = _released(config, device, settings, cell)
        splits, seeds = splits_on(config, target, device), _seeds(config)
        of_attacker = replace(settings, has_momentum=config.audit.rules.has_momentum)
        attacks = [
            {
                "attack": name,
                "learning_rate": rate,
                **attack(name, release, splits, fraction, replace(of_attacker, learning_rate=rate), seeds, steps),
            }
            for name in attacks_on(config, target)
            for rate in config.audit.learning_rate_list
        ]
    return {"source": on_source, "attacks": attacks}


@lru_cache(maxsize=1)
def _released(config: Config, device: str, settings: FitSettings, cell: Cell) -> tuple[Release, dict[str, list[float]]]:
    """Networks that were trained on the source, and their figures there."""
    splits = splits_on(config, config.dataset, device)
    network = fit(cell, splits["train"], settings, _seeds(config))
    on_source = {split: scores(network, splits[split]) for split in ("val", "test")}
    return Release(cell, network.state_dict(), splits), on_source


def _seeds(config: Config) -> list[int]:
    """The seeds of the networks. Another ``seed`` of the config gives other networks."""
    return [config.seed * config.audit.seeds + i for i in range(config.audit.seeds)]
