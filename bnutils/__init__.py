"""The helpers of the book on Batch Normalization.

``functional`` and ``layers`` hold batch norm in NumPy, with the names and conventions of torch; ``data`` the images;
``training`` the networks of the book and their loops; ``plotting`` the look of the figures; ``explorers`` the figures
that readers move.
"""

from bnutils.data import load_fashion_mnist
from bnutils.functional import batch_norm, batch_norm_backward, batch_statistics, identity_parameters
from bnutils.layers import BatchNorm, fold_batch_norm

__all__ = [
    "BatchNorm",
    "batch_norm",
    "batch_norm_backward",
    "batch_statistics",
    "fold_batch_norm",
    "identity_parameters",
    "load_fashion_mnist",
]
