"""Batch norm as a layer with a state; names and conventions are those of ``torch.nn.BatchNorm1d`` and ``2d``.

A layer in evaluation mode can be folded into the Linear before it.
"""

import numpy as np

from bnutils import _checks
from bnutils.functional import batch_norm, batch_norm_backward


class BatchNorm:
    """Normalize each of C features over the batch, then scale and shift it.

    Parameters
    ----------
    num_features : int
        The number C of features, on axis 1 of the input.
    eps : float
        Added to the variance, under the root; in the squared unit of the input.
    momentum : float in [0, 1], or None
        The share of the *new* batch in the running statistics; None takes the plain average over all batches so far.
    affine : bool
        Whether there are a weight γ and a bias β.
    track_running_stats : bool
        Whether running statistics are kept; without them evaluation mode uses the batch, too.

    Attributes
    ----------
    weight, bias : ndarray, shape (C,), float64, or None
        1 and 0 at first. Assign or update them as you like: they are checked when they are used.
    running_mean, running_var : ndarray, shape (C,), float64, or None
        0 and 1 at first. The running variance averages the *unbiased* variances of the batches.
    num_batches_tracked : int or None
        The number of forward calls in training mode.
    training : bool
        The mode: True at first, changed by ``train`` and ``eval``.
    grad_weight, grad_bias : ndarray, shape (C,), float64, or None
        Left by ``backward``; each call replaces those of the call before.

    Raises
    ------
    TypeError, ValueError
        For an argument of the wrong type or value. A call that is refused changes nothing.

    Source: Ioffe & Szegedy (2015), algorithms 1 and 2.

    >>> bn = BatchNorm(1)
    >>> z = np.array([[1.0], [2.0], [4.0], [5.0]])
    >>> bn(z).round(3).ravel()  # by the mean 3 and the biased variance 2.5 of the batch
    array([-1.265, -0.632,  0.632,  1.265])
    >>> bn.backward(np.array([[1.0], [0.0], [0.0], [0.0]])).round(3).ravel(), bn.grad_weight.round(3), bn.grad_bias
    (array([ 0.221, -0.285, -0.032,  0.095]), array([-1.265]), array([1.]))
    >>> bn.eval()(z).round(3).ravel()  # by the running mean 0.3 and the running variance 1.233
    array([0.63 , 1.531, 3.332, 4.232])
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        self.num_features = _checks.positive_int("num_features", num_features)
        self.eps = _checks.eps(eps, training=True)
        self.momentum = None if momentum is None else _checks.momentum(momentum)
        self.affine = _checks.flag("affine", affine)
        self.track_running_stats = _checks.flag("track_running_stats", track_running_stats)
        c = self.num_features
        self.weight, self.bias = (np.ones(c), np.zeros(c)) if affine else (None, None)
        self.running_mean, self.running_var = (np.zeros(c), np.ones(c)) if track_running_stats else (None, None)
        self.num_batches_tracked = 0 if track_running_stats else None
        self.training = True
        self.grad_weight = self.grad_bias = None
        self._seen = None  # what backward needs: copies of what the last forward call has used

    def train(self, mode=True):
        """Set training mode, or evaluation mode for ``mode=False``; return the layer."""
        self.training = _checks.flag("mode", mode)
        return self

    def eval(self):
        """Set evaluation mode; return the layer."""
        return self.train(False)

    def forward(self, input):
        """Return ``batch_norm`` of the input, (N, C) or (N, C, *), in the layer's mode; ``bn(input)`` is the same."""
        x = _checks.batch("input", input, least=0)
        if x.shape[1] != self.num_features:
            raise ValueError(f"input must have {self.num_features} channels on axis 1, got shape {x.shape}")
        running = self.running_mean, self.running_var
        training = _checks.flag("training", self.training)
        by_batch = training or (self.running_mean is None and self.running_var is None)
        output = batch_norm(x, *running, self.weight, self.bias, by_batch, self._momentum(), self.eps)
        if training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        copies = [None if a is None else np.array(a) for a in (x, self.weight, *running)]
        self._seen = (*copies, by_batch, self.eps)
        return output

    __call__ = forward

    def backward(self, grad_output):
        """Return the gradient by the input of the last forward call; leave ``grad_weight`` and ``grad_bias``.

        Weight and running statistics count as they were in that call, whatever has become of them, and of the input.
        """
        if self._seen is None:
            raise ValueError("backward must follow a call of forward, got no such call yet")
        grad_input, grad_weight, grad_bias = batch_norm_backward(grad_output, *self._seen)
        if self.affine:
            self.grad_weight, self.grad_bias = grad_weight, grad_bias
        return grad_input

    def _momentum(self):
        """Return the share of the next batch: None stands for the plain average of all batches."""
        if self.momentum is not None:
            return self.momentum
        return 1 / (self.num_batches_tracked + 1) if self.num_batches_tracked is not None else 0.0


def fold_batch_norm(linear_weight, linear_bias, bn):
    """Return the weight and the bias of the one Linear that does what a Linear and then ``bn`` do in evaluation mode.

    Parameters
    ----------
    linear_weight : array, shape (C, in_features)
        Weight of the Linear, as torch keeps it.
    linear_bias : array, shape (C,), or None
        Bias of the Linear.
    bn : BatchNorm
        The layer behind the Linear, with C features, in evaluation mode, with running statistics.

    Returns
    -------
    weight : ndarray, shape (C, in_features)
    bias : ndarray, shape (C,)
        Both in the floating dtype of linear_weight.

    Raises
    ------
    TypeError, ValueError
        For another kind of layer, one in training mode or without running statistics, or arrays that do not fit it.

    Source: Jacob et al. (2018), section 3.2 (batch normalization folding).

    >>> from bnutils import BatchNorm
    >>> bn = BatchNorm(1, eps=1.0).eval()
    >>> bn.running_mean[:], bn.running_var[:], bn.weight[:], bn.bias[:] = 2.0, 3.0, 10.0, 1.0
    >>> fold_batch_norm(np.array([[4.0, 6.0]]), None, bn)  # 10 / sqrt(3 + 1) = 5 times the weight
    (array([[20., 30.]]), array([-9.]))
    """
    if not isinstance(bn, BatchNorm):
        raise TypeError(f"bn must be a bnutils.BatchNorm, got {type(bn).__name__}")
    if bn.training or bn.running_mean is None:
        raise ValueError(
            "bn must be in evaluation mode, with running statistics, "
            f"got training={bn.training}, track_running_stats={bn.track_running_stats}"
        )
    w = _checks.real_array("linear_weight", linear_weight)
    c = bn.num_features
    if w.ndim != 2 or len(w) != c:
        raise ValueError(f"linear_weight must have shape ({c}, in_features), got shape {w.shape}")
    b = _checks.per_channel("linear_bias", linear_bias, c, default=0.0)
    gamma = _checks.per_channel("weight", bn.weight, c, default=1.0)
    beta = _checks.per_channel("bias", bn.bias, c, default=0.0)
    eps = _checks.eps(bn.eps, training=False)
    mean, var = _checks.running(bn.running_mean, bn.running_var, c, training=False, eps=eps)
    scale = gamma / np.sqrt(var + eps)
    return (w * scale[:, None]).astype(w.dtype), ((b - mean) * scale + beta).astype(w.dtype)
