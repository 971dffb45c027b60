"""Fashion-MNIST, as a small subset that ships with the package or in full; the results of the long experiments."""

import gzip
import json
import math
import os
import zlib
from pathlib import Path

import numpy as np

SUBSET = Path(__file__).parent / "fashion_mnist" / "subset.npz"
RESULTS = Path(__file__).parent / "results"
SPLITS = ("train", "validation", "test")
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def load_fashion_mnist(split="train", folder=None):
    """Return the images and the labels of one split of Fashion-MNIST.

    Parameters
    ----------
    split : {"train", "validation", "test"}
        Validation images are drawn from the original training file: tune on them, and leave the test images alone.
    folder : str or Path, optional
        Folder with the four original ``.gz`` files. When it is None, the environment variable ``FASHION_MNIST`` is
        used; when that is unset or empty too, the subset that ships with this package.

    Returns
    -------
    images : ndarray of uint8, shape (N, 28, 28)
        Grey values from 0 to 255. N is 5,000, 1,000 and 2,000 for the three splits of the subset, 55,000, 5,000 and
        10,000 for those of the full set.
    labels : ndarray of int64, shape (N,)
        Classes 0 to 9, named in ``CLASSES``, equally frequent in the subset.

    Raises
    ------
    ValueError
        If ``split`` is unknown, or a file is truncated or not of this kind.
    FileNotFoundError
        If a file is missing from ``folder``.

    Source: Xiao, Rasul & Vollgraf (2017), "Fashion-MNIST", arXiv:1708.07747.

    >>> images, labels = load_fashion_mnist("validation", folder="")
    >>> images.shape, np.bincount(labels)
    ((1000, 28, 28), array([100, 100, 100, 100, 100, 100, 100, 100, 100, 100]))
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    folder = os.environ.get("FASHION_MNIST", "") if folder is None else folder
    if folder != "":
        return _load_full(split, Path(folder))
    with np.load(SUBSET) as arrays:
        return arrays[f"{split}_images"], arrays[f"{split}_labels"].astype(np.int64)


def read_idx(path):
    """Return the array of unsigned bytes that a gzipped IDX file holds.

    Parameters
    ----------
    path : str or Path
        One of the original files, such as ``train-images-idx3-ubyte.gz``.

    Returns
    -------
    ndarray of uint8, shape as the file says

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is missing; if it is not gzip, not IDX of unsigned bytes, or has too few or too many bytes.

    Source: the format is described on the page of the MNIST database by LeCun, Cortes & Burges.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: folder must hold the four original .gz files of Fashion-MNIST")
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is truncated or not a gzip file: {error}") from error
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is not an IDX file of unsigned bytes: it starts with {content[:4].hex(' ')!r}")
    header = 4 + 4 * content[3]  # magic number, then one 4-byte size for each dimension
    if len(content) < header:
        raise ValueError(f"{path} is truncated: its header has {header} bytes, got {len(content)}")
    shape = tuple(np.frombuffer(content[4:header], ">u4").tolist())
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise ValueError(f"{path} is truncated or damaged: {expected} bytes expected for {shape}, got {len(content)}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def draw_split(labels, seed=0):
    """Return the indices of one balanced draw from the original training file.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        Labels of the training file.
    seed : int
        Seed of the draw.

    Returns
    -------
    dict of str to ndarray of int
        ``subset_train`` (500 a class) and ``subset_validation`` (100 a class) ship with the package; ``validation``
        (500 a class, the 100 among them) and ``train`` (all others) split the full file.

    Raises
    ------
    ValueError
        If a class has fewer than 1,000 images.

    >>> {name: len(index) for name, index in draw_split(np.repeat(np.arange(10), 6000)).items()}
    {'subset_train': 5000, 'subset_validation': 1000, 'validation': 5000, 'train': 55000}
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(np.flatnonzero(labels == c)) for c in range(10)]
    if min(map(len, orders)) < 1000:
        raise ValueError(f"labels must hold 1,000 images of each class, got {[len(order) for order in orders]}")
    parts = {"subset_train": slice(500), "subset_validation": slice(500, 600), "validation": slice(500, 1000)}
    split = {name: np.sort(np.concatenate([order[part] for order in orders])) for name, part in parts.items()}
    return split | {"train": np.setdiff1d(np.arange(len(labels)), split["validation"])}


def read_original(folder, name):
    """Return images (N, 28, 28) and labels (N,) of the file pair ``name``, "train" or "t10k", in ``folder``.

    Raises ``ValueError`` where the two files do not belong together, and all that `read_idx` raises.
    """
    images = read_idx(Path(folder) / f"{name}-images-idx3-ubyte.gz")
    labels = read_idx(Path(folder) / f"{name}-labels-idx1-ubyte.gz")
    if images.shape != (len(images), 28, 28) or labels.shape != (len(images),):
        raise ValueError(f"{folder}: {name} images {images.shape} and labels {labels.shape} are not Fashion-MNIST's")
    if len(labels) == 0 or labels.max() > 9:
        raise ValueError(f"{folder}: {name} labels must be 0 to 9, got {sorted(set(labels.tolist()))[-3:]}")
    return images, labels.astype(np.int64)


def load_results(name):
    """Return the results of a long experiment, as its script in ``experiments/`` wrote them.

    Parameters
    ----------
    name : str
        Name of the file in ``bnutils/results`` without ``.json``.

    Returns
    -------
    dict
        What the script wrote; ``"made_by"`` holds its command, versions and date.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message lists those that exist.
    """
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        names = sorted(file.stem for file in RESULTS.glob("*.json"))
        raise FileNotFoundError(f"name must be one of {names}, got {name!r}")
    return json.loads(path.read_text(encoding="utf-8"))


def save_results(name, made_by, results):
    """Write ``results``, a dict, for `load_results`, with ``made_by``, the command, and the versions it ran with."""
    import platform

    import torch

    versions = {"python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__}
    content = {"made_by": {"command": made_by, "versions": versions}} | results
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _load_full(split, folder):
    images, labels = read_original(folder, "t10k" if split == "test" else "train")
    if split == "test":
        return images, labels
    index = draw_split(labels)[split]
    return images[index], labels[index]
