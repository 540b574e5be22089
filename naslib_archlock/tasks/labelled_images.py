"""What a task is made of, wherever its images come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from ..store.digests import digest


@dataclass(frozen=True)
class LabelledImages:
    """Images and what a network shall predict of them.

    Attributes: name: of the task; images: ``n x channels x height x width``, float32, in [0, 1] but for what a task
        adds to them (noise); targets: ``n`` class numbers (int64), or ``n x outputs`` numbers (regression), or ``n x
        channels x height x width`` (dense), float32; n_classes: 0 where the targets are numbers.
    """

    name: str
    images: Tensor
    targets: Tensor
    n_classes: int

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_classification(self) -> bool:
        return self.n_classes > 0

    @property
    def is_dense(self) -> bool:
        """Whether the targets are images."""
        return self.targets.ndim == 4

    @property
    def n_outputs(self) -> int:
        """Outputs a network needs: classes, numbers, or channels of the target image."""
        return self.n_classes or self.targets.shape[1]

    def take(self, rows: Tensor) -> LabelledImages:
        """The same task with only the images at ``rows``."""
        return LabelledImages(self.name, self.images[rows], self.targets[rows], self.n_classes)

    def to(self, device: str) -> LabelledImages:
        """The same task with images and targets on a device of torch."""
        return LabelledImages(self.name, self.images.to(device), self.targets.to(device), self.n_classes)

    def balanced_order(self, rng: np.random.Generator) -> np.ndarray:
        """All rows in random order; of classes the first of each, then the second of each, as far as they go."""
        order = rng.permutation(len(self))
        if not self.is_classification:
            return order
        labels = self.targets.numpy()[order]
        turn = np.empty(len(order), dtype=np.int64)  # how many of its class come before it
        for label in np.unique(labels):
            turn[labels == label] = np.arange((labels == label).sum())
        return order[np.argsort(turn, kind="stable")]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy for classes, mean squared error for numbers."""
        return cross_entropy(outputs, targets) if self.is_classification else mse_loss(outputs, targets)

    def score(self, outputs: Tensor) -> float:
        """How good predictions of all images are, in %; higher is better and 100 is perfect.

        Top-1 accuracy for classes. For numbers the explained variance: 0 for predicting each output's mean, 100 or 0
        (exact or not) where the targets do not vary. Outputs that are not finite, of a network that diverged, score 0.
        """
        if not torch.isfinite(outputs).all():
            return 0.0
        if self.is_classification:
            return 100.0 * float((outputs.argmax(dim=1) == self.targets).double().mean())
        targets = self.targets.double()
        unexplained = float(torch.mean((outputs.double() - targets) ** 2))
        variance = float(torch.mean((targets - targets.mean(0)) ** 2))
        if variance == 0:
            return 100.0 if unexplained == 0 else 0.0
        return 100.0 * (1.0 - unexplained / variance)


def digest_of(*parts: LabelledImages) -> str:
    """A digest of the images and targets of a task or of all its splits, whatever the task is called."""
    arrays = [values.numpy() for part in parts for values in (part.images, part.targets)]
    return digest([part.n_classes for part in parts], arrays)
