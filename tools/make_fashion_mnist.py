"""Make the subset of Fashion-MNIST that ships with bnutils from the original files.

    .venv/bin/python tools/make_fashion_mnist.py /usr/share/datasets/fashion-mnist

(the folder of Debian's package dataset-fashion-mnist; the same files are at github.com/zalandoresearch/fashion-mnist).
With --check nothing is written: the shipped subset is compared with a fresh draw.
"""

import argparse
import sys

import numpy as np

from bnutils.data import SUBSET, draw_split, read_original


def draw_subset(folder):
    """Return the arrays of the subset: 500 / 100 / 200 images a class for train / validation / test."""
    images, labels = read_original(folder, "train")
    test_images, test_labels = read_original(folder, "t10k")
    split, test = draw_split(labels), _balanced(test_labels, per_class=200)
    train, validation = split["subset_train"], split["subset_validation"]
    return {
        "train_images": images[train],
        "train_labels": labels[train].astype(np.uint8),
        "validation_images": images[validation],
        "validation_labels": labels[validation].astype(np.uint8),
        "test_images": test_images[test],
        "test_labels": test_labels[test].astype(np.uint8),
    }


def _balanced(labels, per_class, seed=1):
    rng = np.random.default_rng(seed)
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(10)]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="folder with the four original .gz files")
    parser.add_argument("--check", action="store_true", help="compare with the shipped subset, write nothing")
    arguments = parser.parse_args()
    arrays = draw_subset(arguments.folder)
    if arguments.check:
        with np.load(SUBSET) as shipped:
            same = set(shipped) == set(arrays) and all(np.array_equal(shipped[name], arrays[name]) for name in arrays)
        print("the shipped subset is this draw" if same else "the shipped subset is NOT this draw")
        sys.exit(not same)
    np.savez_compressed(SUBSET, **arrays)
    print(f"{SUBSET}: {SUBSET.stat().st_size / 1e6:.2f} MB")
