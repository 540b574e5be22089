"""The images of a task and what a network predicts about them, wherever they come from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from ..store.digests import digest


@dataclass(frozen=True)
class LabelledImages:
    """Images and what a network shall predict about them.

    Attributes:
        name: the name of the task.
        images: ``n x channels x height x width`` float32, in [0, 1] unless the task adds something (noise) to them.
        targets: ``n`` class numbers, int64 (classification); ``n x outputs`` float32 (regression); or
            ``n x channels x height x width`` float32 (dense).
        n_classes: the number of classes, 0 if the targets are numbers.
        classes: the names of the classes, where they are known.
    """

    name: str
    images: Tensor
    targets: Tensor
    n_classes: int
    classes: tuple[str, ...] = ()

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
        """The number of outputs that a network needs: classes, numbers, or channels of the target image."""
        return self.n_classes or self.targets.shape[1]

    def take(self, rows: Tensor) -> LabelledImages:
        """The same task with only the images at ``rows``."""
        return replace(self, images=self.images[rows], targets=self.targets[rows])

    def to(self, device: str) -> LabelledImages:
        """The same task with images and targets on a device of torch."""
        return replace(self, images=self.images.to(device), targets=self.targets.to(device))

    def has_classes_of(self, other: LabelledImages) -> bool:
        """Whether both tasks are known to have the same classes, so that a head for one can be used on the other."""
        return self.classes == other.classes != ()

    def balanced_order(self, rng: np.random.Generator) -> np.ndarray:
        """A random order of the images in which the classes take turns.

        First comes one image of each class, then a second one of each class, and so on; a class that has no more images
        is passed over. Without classes, the order is simply random.

        Returns: ``n`` positions.
        """
        order = rng.permutation(len(self))
        if not self.is_classification:
            return order
        labels = self.targets.cpu().numpy()[order]
        turn = np.empty(len(order), dtype=np.int64)  # the number of images of its class that come before it
        for label in np.unique(labels):
            turn[labels == label] = np.arange((labels == label).sum())
        return order[np.argsort(turn, kind="stable")]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The cross-entropy of classes, or the mean squared error of numbers.

        Args:
            outputs: ``b x n_outputs``, or ``b x n_outputs x height x width`` if dense.
            targets: those rows of the task's targets.
        """
        return cross_entropy(outputs, targets) if self.is_classification else mse_loss(outputs, targets)

    def score(self, outputs: Tensor) -> float:
        """The quality of the predictions for all images, in %; higher is better and 100 is perfect.

        The score is the top-1 accuracy of classes, and the explained variance of numbers: a network that predicts each
        output's mean scores 0. If the targets do not vary, an exact prediction scores 100 and any other one 0. Outputs
        that are not finite, as a diverged network gives, score 0.

        Args:
            outputs: ``n x n_outputs``, or ``n x n_outputs x height x width`` if dense.
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
