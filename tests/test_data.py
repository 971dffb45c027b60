import gzip

import numpy as np
import pytest

from bnutils import data
from bnutils.data import load_fashion_mnist, load_results, read_idx


def packed(data, compresslevel=9):
    """Return a gzip file without a time, so that names of tests are the same in each process."""
    return gzip.compress(data, compresslevel, mtime=0)


def idx(array, code=8):
    """The bytes of an IDX file that holds ``array``."""
    array = np.asarray(array, np.uint8)
    return bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def original(tmp_path):
    """A folder like that of the original files: 1,000 training and 20 test images a class, each a constant grey."""
    for name, per_class in (("train", 1000), ("t10k", 20)):
        labels = np.repeat(np.arange(10), per_class)
        images = np.broadcast_to(labels[:, None, None], (len(labels), 28, 28))
        (tmp_path / f"{name}-labels-idx1-ubyte.gz").write_bytes(packed(idx(labels)))
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(packed(idx(images), compresslevel=1))
    return tmp_path


@pytest.mark.parametrize(("split", "per_class"), [("train", 500), ("validation", 100), ("test", 200)])
def test_the_subset_is_balanced_and_of_the_original_kind(split, per_class):
    images, labels = load_fashion_mnist(split)
    assert images.shape == (10 * per_class, 28, 28)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [per_class] * 10
    assert images.min() == 0
    assert images.max() == 255


def test_the_subset_is_small():
    assert data.SUBSET.stat().st_size <= 4_000_000


def test_no_image_is_in_two_splits():
    sets = [{image.tobytes() for image in load_fashion_mnist(split)[0]} for split in data.SPLITS]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


def test_each_class_looks_like_itself():
    """The nearest class mean of the training images names most test images: images and labels belong together."""
    images, labels = load_fashion_mnist("train")
    means = np.stack([images[labels == c].mean(axis=0).ravel() for c in range(10)])
    images, labels = load_fashion_mnist("test")
    distances = ((images.reshape(-1, 1, 784) - means) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == labels).mean() > 0.6


def test_the_full_set_is_read_from_its_original_files(original):
    sizes = {split: len(load_fashion_mnist(split, original)[1]) for split in data.SPLITS}
    assert sizes == {"train": 5000, "validation": 5000, "test": 200}
    images, labels = load_fashion_mnist("train", original)
    assert (images[:, 0, 0] == labels).all()


def test_the_environment_variable_names_the_folder(original, monkeypatch):
    monkeypatch.setenv("FASHION_MNIST", str(original))
    assert len(load_fashion_mnist("test")[1]) == 200
    assert len(load_fashion_mnist("test", folder="")[1]) == 2000


def test_the_draw_keeps_training_and_validation_apart():
    draw = data.draw_split(np.tile(np.arange(10), 6000))
    assert not np.isin(draw["train"], draw["validation"]).any()
    assert not np.isin(draw["subset_train"], draw["subset_validation"]).any()
    assert np.isin(draw["subset_validation"], draw["validation"]).all()
    assert np.isin(draw["subset_train"], draw["train"]).all()
    assert len(draw["train"]) + len(draw["validation"]) == 60_000


def test_a_class_with_too_few_images_is_refused():
    with pytest.raises(ValueError, match=r"labels must hold 1,000 images of each class, got \[999"):
        data.draw_split(np.repeat(np.arange(10), 999))


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split must be one of .*, got 'valid'"):
        load_fashion_mnist("valid")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte.gz"):
        load_fashion_mnist("train", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not gzip", "truncated or not a gzip file"),
        (packed(idx(np.zeros((20, 28, 28))))[:-20], "truncated or not a gzip file"),
        (packed(b"x" * 40)[:15] + b"\xff" * 30, "truncated or not a gzip file"),
        (packed(b""), "not an IDX file"),
        (packed(idx(np.zeros(4), code=13)), "not an IDX file of unsigned bytes: it starts with '00 00 0d 01'"),
        (packed(idx(np.zeros(4))[:6]), "truncated: its header has 8 bytes, got 6"),
        (packed(idx(np.zeros((2, 28, 28)))[:-1]), r"1584 bytes expected for \(2, 28, 28\), got 1583"),
        (packed(idx(np.zeros((2, 28, 28))) + b"x"), r"1584 bytes expected for \(2, 28, 28\), got 1585"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"t10k-images.*{message}"):
        read_idx(path)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 28, 28)), np.zeros(4), "do not|are not Fashion-MNIST's"),
        (np.zeros((3, 32, 32)), np.zeros(3), "are not Fashion-MNIST's"),
        (np.zeros((3, 28, 28)), np.array([1, 2, 10]), "labels must be 0 to 9"),
        (np.zeros((0, 28, 28)), np.zeros(0), "labels must be 0 to 9"),
    ],
)
def test_files_of_another_data_set_are_refused(tmp_path, images, labels, message):
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(packed(idx(images)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(packed(idx(labels)))
    with pytest.raises(ValueError, match=message):
        load_fashion_mnist("test", tmp_path)


def test_results_come_back_with_the_versions_that_made_them(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "RESULTS", tmp_path / "results")
    data.save_results("sweep", "python experiments/sweep.py", {"seeds": [1, 2]})
    results = load_results("sweep")
    assert results["seeds"] == [1, 2]
    assert results["made_by"]["command"] == "python experiments/sweep.py"
    assert results["made_by"]["versions"]["numpy"] == np.__version__


def test_missing_results_are_named_with_those_that_exist(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "RESULTS", tmp_path)
    data.save_results("depth", "command", {})
    with pytest.raises(FileNotFoundError, match=r"name must be one of \['depth'\], got 'dept'"):
        load_results("dept")
