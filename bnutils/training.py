"""The network of the book in torch, and the loops that train, test and recalibrate it."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from bnutils.data import SPLITS, load_fashion_mnist


def fashion_tensors(folder=None):
    """Return Fashion-MNIST as standardized tensors, a pair (images, labels) for each split.

    Parameters
    ----------
    folder : str or Path, optional
        As for `bnutils.data.load_fashion_mnist`.

    Returns
    -------
    dict of str to (Tensor, Tensor)
        For "train", "validation" and "test": float32 images of shape (N, 28, 28), shifted and scaled by *one* mean and
        one standard deviation, those of all training pixels; int64 labels of shape (N,).

    Raises
    ------
    ValueError, FileNotFoundError
        As `bnutils.data.load_fashion_mnist`.
    """
    arrays = {split: load_fashion_mnist(split, folder) for split in SPLITS}
    pixels = arrays["train"][0]
    mean, std = float(pixels.mean()), float(pixels.std())
    return {
        split: ((torch.from_numpy(images).float() - mean) / std, torch.from_numpy(labels))
        for split, (images, labels) in arrays.items()
    }


def make_network(batch_norm=True, hidden=(128, 128, 128, 64), seed=0):
    """Return the fully connected network of the book for 28 x 28 images and ten classes.

    Each hidden layer is Linear, BatchNorm1d, ReLU. The Linear before a BatchNorm1d has no bias, since the mean that
    is subtracted takes any bias along; the last Linear keeps its bias, and no BatchNorm1d touches the logits.

    Parameters
    ----------
    batch_norm : bool
        False leaves the BatchNorm1d out and gives each Linear its bias.
    hidden : sequence of int
        Widths of the hidden layers.
    seed : int
        Seed of the initial weights (torch's defaults). The global random state is left as it was.

    Returns
    -------
    nn.Sequential
        Maps (N, 28, 28) to logits of shape (N, 10).

    Raises
    ------
    ValueError
        If a width is not a positive int.
    """
    widths = [28 * 28, *hidden]
    if not all(isinstance(width, int) and width > 0 for width in widths):
        raise ValueError(f"hidden must hold positive ints, got {hidden!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Flatten()]
        for fan_in, fan_out in zip(widths[:-1], widths[1:], strict=True):
            layers.append(nn.Linear(fan_in, fan_out, bias=not batch_norm))
            layers += [nn.BatchNorm1d(fan_out), nn.ReLU()] if batch_norm else [nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


def batch_norm_layers(model):
    """Return the list of all batch norm layers of ``model``, in the order of the forward pass."""
    return [layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]


def train(model, x, y, epochs=1, lr=0.1, batch_size=128, seed=0, on_step=None, progress=False):
    """Train ``model`` in place by plain SGD on the cross entropy.

    Parameters
    ----------
    model : nn.Module
        Maps ``x`` to logits. Parameters with ``requires_grad=False`` stay as they are. Left in training mode.
    x, y : Tensor, shapes (N, ...) and (N,)
        Inputs and classes.
    epochs, batch_size : int
        A last batch smaller than ``batch_size`` is dropped, so that all steps see equally many samples.
    lr : float
        Learning rate.
    seed : int
        Seed of the order of the samples.
    on_step : callable, optional
        Called as ``on_step(step, model)`` after each step, counted from 1; may switch modes.
    progress : bool
        Show a progress bar. The environment variable ``TQDM_DISABLE=1`` keeps it silent, as in the built book.

    Returns
    -------
    list of float
        The training loss of each step, in nats.

    Raises
    ------
    ValueError
        If ``batch_size`` is not between 1 and N, or ``lr`` is not a finite number > 0.
    """
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size must lie between 1 and the {len(x)} samples of x, got {batch_size}")
    if not 0 < lr < math.inf:
        raise ValueError(f"lr must be a finite number > 0, got {lr}")
    parameters = [p for p in model.parameters() if p.requires_grad]
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in tqdm(range(epochs), desc="epochs", leave=False) if progress else range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for batch in order[: len(x) - len(x) % batch_size].split(batch_size):
            model.train()
            for p in parameters:
                p.grad = None
            loss = F.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            with torch.no_grad():  # torch.optim.SGD does the same, but its first use takes more than a second
                for p in parameters:
                    if p.grad is not None:
                        p.add_(p.grad, alpha=-lr)
            losses.append(loss.item())
            if on_step is not None:
                on_step(len(losses), model)
    return losses


def predict(model, x, training=False, batch_size=None):
    """Return the logits of ``model`` for ``x``, in evaluation or in training mode; the model stays as it was.

    Parameters
    ----------
    model : nn.Module
        A copy of it does the work, so neither its mode nor its running statistics change.
    x : Tensor, shape (N, ...)
        Inputs.
    training : bool
        True normalizes with the statistics of each batch, False with the running statistics.
    batch_size : int, optional
        Samples in a batch, taken in the order of ``x``; None takes all at once. The last batch may be smaller.

    Returns
    -------
    Tensor, shape (N, classes)
    """
    model = copy.deepcopy(model).train(training)
    with torch.no_grad():
        return torch.cat([model(batch) for batch in x.split(batch_size or len(x))])


def accuracy(model, x, y, training=False, batch_size=None):
    """Return the share of samples, from 0 to 1, for which the largest logit is the right one.

    ``y`` holds the classes, shape (N,); all else is as for `predict`.
    """
    return (predict(model, x, training, batch_size).argmax(dim=1) == y).float().mean().item()


def recalibrate(model, x, batch_size=128):
    """Return a copy of ``model`` whose running statistics are the average over the batches of ``x``.

    The weights stay; only running means and variances are computed anew, with the weights as they are now.

    Parameters
    ----------
    model : nn.Module
        Left as it was.
    x : Tensor, shape (N, ...)
        Training inputs, in random order: sorted by class, each batch has another mean, and the average variance misses
        how far these means lie apart. A last batch smaller than ``batch_size`` is dropped: each batch counts the same.
    batch_size : int
        The batch size of training, so that the layers see inputs as noisy as then.

    Returns
    -------
    nn.Module
        In evaluation mode.

    Raises
    ------
    ValueError
        If ``batch_size`` is not between 1 and N.

    Source: the cumulative average of `torch.nn.BatchNorm1d` with ``momentum=None``; compare
    `torch.optim.swa_utils.update_bn`, which does the same in place.
    """
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size must lie between 1 and the {len(x)} samples of x, got {batch_size}")
    model = copy.deepcopy(model).train()
    momenta = [(layer, layer.momentum) for layer in batch_norm_layers(model)]
    for layer, _ in momenta:
        layer.reset_running_stats()
        layer.momentum = None  # cumulative average
    with torch.no_grad():
        for batch in x[: len(x) - len(x) % batch_size].split(batch_size):
            model(batch)
    for layer, momentum in momenta:
        layer.momentum = momentum
    return model.eval()
