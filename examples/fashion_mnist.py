"""Make two tasks from Fashion-MNIST: a folder of images for the source, and another one for the target.

Fashion-MNIST (Xiao et al., 2017, arXiv 1708.07747) has 70,000 pictures of 28 x 28 pixels in ten classes, under the MIT
licence. Debian and Ubuntu ship its files in the package ``dataset-fashion-mnist``::

    apt-get install dataset-fashion-mnist
    python examples/fashion_mnist.py /usr/share/datasets/fashion-mnist photos

Its authors offer the same files on https://github.com/zalandoresearch/fashion-mnist.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SOURCE = ("t-shirt", "trouser", "pullover", "dress", "coat")
TARGET = ("sandal", "shirt", "sneaker", "bag", "ankle boot")
CLASSES = (*SOURCE, *TARGET)  # in the order of the labels
PIXELS, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
IMAGE_SHAPE = (28, 28)
HEADER = {PIXELS: 16, LABELS: 8}  # bytes before the data


def read(folder: Path, name: str) -> np.ndarray:
    """Return the bytes of a file, without its header."""
    with gzip.open(folder / name) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=HEADER[name])


def write_folder(out: Path, classes: tuple[str, ...], data: Path, n_images: int, rng: np.random.Generator) -> None:
    """Write ``n_images`` pictures of some classes, each class in a folder of its own."""
    pixels, labels = read(data, PIXELS).reshape(-1, *IMAGE_SHAPE), read(data, LABELS)
    for name in classes:
        (out / name).mkdir(parents=True, exist_ok=True)
        rows = np.flatnonzero(labels == CLASSES.index(name))
        for row in rng.choice(rows, n_images // len(classes), replace=False):
            Image.fromarray(pixels[row]).save(out / name / f"{row:05d}.png")


def main() -> None:
    """Write ``OUT/clothes`` and ``OUT/others``."""
    parser = argparse.ArgumentParser(description="Make two folders of images from Fashion-MNIST.")
    parser.add_argument("data", type=Path, help="the folder of the files, such as /usr/share/datasets/fashion-mnist")
    parser.add_argument("out", type=Path, help="the folder to write to")
    parser.add_argument("--images", type=int, default=4000, help="in each of the two folders (default 4000)")
    args = parser.parse_args()
    if not (args.data / PIXELS).is_file():
        sys.exit(f"{args.data} holds no {PIXELS}; install the package dataset-fashion-mnist, or download its files")
    rng = np.random.default_rng(0)
    for name, classes in (("clothes", SOURCE), ("others", TARGET)):
        write_folder(args.out / name, classes, args.data, args.images, rng)
        print(f"{args.out / name}: {args.images} images of {', '.join(classes)}")


if __name__ == "__main__":
    main()
