"""The names of the random changes of training images. Without torch, so that a configuration is checked at once."""

from __future__ import annotations

FLIP, CROP, NO_AUGMENTATION = "flip", "crop", "none"
AUGMENTATIONS = (FLIP, CROP)  # those of NAS-Bench-201 (Dong and Yang, ICLR 2020, section 2.2)
