"""The section ``audit`` of a config. It holds settings alone, so that a config is read and checked without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError
from ..ranker.train_settings import parse_widths
from .keys import Role, check_values, key, split_list

OWN, NTLBENCH = "own", "ntlbench"


@dataclass(frozen=True)
class Protocol:
    """What an audit does where the config does not say otherwise.

    Attributes:
        attacks, fractions, step_fractions: as in ``AuditSection``.
        has_momentum: whether the attacker trains by SGD with momentum 0.9, and not by AdamW.
        split: the shares of images to train, to validate and to test on, where the images are not split already.
    """

    attacks: str
    fractions: str
    step_fractions: str
    has_momentum: bool
    split: tuple[float, float, float]


PROTOCOLS = {
    OWN: Protocol("linear probe,probe then all,fine-tuning", "1,5,20,100", "10,30,100", False, (0.6, 0.2, 0.2)),
    # "Toward Robust Non-Transferable Learning: A Survey and Benchmark", arXiv 2502.13593: four fine-tunings on the
    # target, five on the source, and adaptations to unlabelled images of the target
    NTLBENCH: Protocol(
        "linear probe,fine-tuning,direct probe,direct fine-tuning,source probe,source fine-tuning,source direct probe,"
        "source direct fine-tuning,source shifts,information maximisation,pseudo-labels",
        "10",
        "100",
        True,
        (0.8, 0.1, 0.1),
    ),
}


@dataclass(frozen=True)
class AuditSection:
    """How an audit trains networks on the source and attacks them.

    An empty text, and 0 epochs, leave the choice to the audit, which knows the images.
    """

    protocol: str = key(
        OWN,
        "What is done where other keys are empty: `own`, curves over images and steps; or `ntlbench`, the attacks of "
        "NTLBench with 10% of the images, by SGD with momentum, on images that are split 8:1:1.",
        Role.AUDIT,
        choices=tuple(PROTOCOLS),
    )
    seeds: int = key(
        5,
        "The networks of every cell. Each starts from another seed and is attacked by itself.",
        Role.AUDIT,
        low=1,
        high=1000,
    )
    random_cells: int = key(
        1,
        "The random cells to compare with. If a table knows their accuracies, they lie within the source budget.",
        Role.AUDIT,
        low=0,
        high=100,
    )
    fractions: str = key(
        "",
        "The shares of the training images that the attacker has, in % (up to 100), separated by commas. "
        "Empty means 1,5,20,100, and 10 in the protocol `ntlbench`.",
        Role.AUDIT,
    )
    step_fractions: str = key(
        "",
        "The shares of the optimizer steps that the attacker makes, in % (up to 100), separated by commas. "
        "The largest share goes with every number of images, the others with the largest number alone. "
        "Empty means 10,30,100, and 100 in the protocol `ntlbench`.",
        Role.AUDIT,
    )
    attacks: str = key(
        "",
        "The attacks on the weights, separated by commas. Empty means those of the protocol, which is `linear probe`, "
        "`probe then all` and `fine-tuning` for `own`. Training from scratch is always added. Others: "
        "`long fine-tuning`, `BitFit`, `LoRA`, `distillation`, those of `ntlbench`, and what `register_attack` added.",
        Role.AUDIT,
    )
    learning_rates: str = key(
        "0.03,0.1",
        "The learning rates that the attacker tries (up to 1), separated by commas. "
        "The attacker keeps the one with the best validation accuracy.",
        Role.AUDIT,
    )
    epochs: int = key(
        0,
        "The epochs of training on all images; training on fewer images takes as many steps. "
        "0 means 6 on the digits tasks, and elsewhere 12 or more, until a strong cell has learnt the source.",
        Role.AUDIT,
        low=0,
        high=100_000,
    )
    batch_size: int = key(50, "The images in a batch.", Role.AUDIT, low=1, high=100_000)
    widths: str = key(
        "",
        "The channels of each stage of a network, separated by commas. "
        "Empty means 8,16 on the digits tasks and 16,32,64 elsewhere.",
        Role.AUDIT,
    )
    cells_per_stage: int = key(
        0,
        "The cells in each stage of a network. 0 means one, or five if `archlock.network` is `nasbench201` and the "
        "task is not one of the digits tasks.",
        Role.AUDIT,
        low=0,
        high=100,
    )

    def __post_init__(self) -> None:
        check_values(self, "audit.")
        rules = self.rules
        _numbers("fractions", self.fractions or rules.fractions, 100)
        _numbers("step_fractions", self.step_fractions or rules.step_fractions, 100)
        _numbers("learning_rates", self.learning_rates, 1)
        if not self.attack_list:
            raise ConfigError("audit.attacks is empty: name at least one attack, such as fine-tuning")
        if self.widths:
            parse_widths("audit.widths", self.widths)

    @property
    def rules(self) -> Protocol:
        """The protocol."""
        return PROTOCOLS[self.protocol]

    @property
    def fraction_list(self) -> tuple[float, ...]:
        """The fractions in %, ascending."""
        return _numbers("fractions", self.fractions or self.rules.fractions, 100)

    @property
    def step_fraction_list(self) -> tuple[float, ...]:
        """The shares of steps in %, ascending."""
        return _numbers("step_fractions", self.step_fractions or self.rules.step_fractions, 100)

    @property
    def attack_list(self) -> tuple[str, ...]:
        """The names of the attacks on the weights, each once."""
        return tuple(dict.fromkeys(split_list(self.attacks or self.rules.attacks)))

    @property
    def learning_rate_list(self) -> tuple[float, ...]:
        """The learning rates, ascending."""
        return _numbers("learning_rates", self.learning_rates, 1)

    @property
    def width_list(self) -> tuple[int, ...]:
        """The channels of each stage; empty if the audit is to choose them."""
        return parse_widths("audit.widths", self.widths) if self.widths else ()


def _numbers(name: str, text: str, most: float) -> tuple[float, ...]:
    """Return different numbers above 0 and up to ``most``, ascending, or raise ``ConfigError``."""
    try:
        numbers = sorted(float(part) for part in text.split(","))
    except ValueError:
        numbers = []
    if not numbers or not all(0 < n <= most for n in numbers) or len(set(numbers)) < len(numbers):
        raise ConfigError(
            f"audit.{name}={text[:80]!r} must be different numbers above 0 and up to {most:g}, with commas"
        )
    return tuple(numbers)
