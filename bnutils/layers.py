"""BatchNorm as a layer with state, as ``torch.nn.BatchNorm1d`` and ``2d``."""

import numpy as np

from bnutils import _checks
from bnutils.functional import batch_norm, batch_norm_backward


class BatchNorm:
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True):
        self.num_features = _checks.positive_int("num_features", num_features)
        self.eps = _checks.eps(eps, training=True)
        self.momentum = None if momentum is None else _checks.momentum(momentum)
        self.affine = _checks.flag("affine", affine)
        self.track_running_stats = _checks.flag("track_running_stats", track_running_stats)
        c = self.num_features
        self.weight, self.bias = (np.ones(c), np.zeros(c)) if self.affine else (None, None)
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if self.track_running_stats:
            self.running_mean, self.running_var, self.num_batches_tracked = np.zeros(c), np.ones(c), 0
        self.training = True
        self.grad_weight = self.grad_bias = None
        self._seen = None

    def train(self, mode=True):
        self.training = _checks.flag("mode", mode)
        return self

    def eval(self):
        return self.train(False)

    def forward(self, input):
        x = _checks.batch("input", input)
        if x.shape[1] != self.num_features:
            raise ValueError(f"input must have {self.num_features} channels on axis 1, got shape {x.shape}")
        use_batch = self.training or self.running_mean is None
        update = self.training and self.running_mean is not None
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / (self.num_batches_tracked + 1) if update else 0.0
        running = (None, None) if self.running_mean is None else (self.running_mean, self.running_var)
        seen = tuple(None if a is None else np.array(a) for a in (x, self.weight, *running))
        output = batch_norm(x, *running, self.weight, self.bias, use_batch, momentum, self.eps)
        if update:
            self.num_batches_tracked += 1
        self._seen = (*seen, use_batch, self.eps)
        return output

    __call__ = forward

    def backward(self, grad_output):
        if self._seen is None:
            raise ValueError("backward must follow a call of forward: there is no forward to go back through yet")
        grad_input, grad_weight, grad_bias = batch_norm_backward(grad_output, *self._seen)
        if self._seen[1] is not None:
            self.grad_weight, self.grad_bias = grad_weight, grad_bias
        return grad_input
