"""Time our batch norm against torch, the usual from-scratch NumPy, and a copy of the array, on one thread.

    make benchmark

All take turns, many rounds long, and the least CPU time of each counts: what else the machine does only adds to it.
Freed memory is kept, or the time to get new memory from the system would count too, which is torch's loss.
Training is a forward call with running statistics; our backward gets the input and computes the statistics again.
"""

import ctypes
import math
import os
import sys
import time

for name in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
    os.environ[f"{name}_NUM_THREADS"] = "1"  # before NumPy starts its threads
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)  # kernels of another processor are slow
if sys.platform == "linux":
    M_MMAP_MAX, M_TRIM_THRESHOLD = -4, -1  # of malloc.h: the largest arrays come from the heap too, which never shrinks
    ctypes.CDLL(None).mallopt(M_MMAP_MAX, 0)
    ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, 2**31 - 1)

import numpy as np  # noqa: E402
import torch  # noqa: E402

import bnutils  # noqa: E402

SHAPES = [(128, 128), (4096, 128), (65536, 128), (64, 64, 28, 28)]
SECONDS = 15  # for each shape
EPS = 1e-5


def usual_forward(x, weight, bias):
    """Batch norm as courses write it (CS231n, assignment 2): mean, var, broadcasting, a cache for backward."""
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axis=axes, keepdims=True)
    var = x.var(axis=axes, keepdims=True)
    std = np.sqrt(var + EPS)
    x_hat = (x - mean) / std
    return weight * x_hat + bias, (x_hat, std, weight)


def usual_evaluation(x, mean, var, weight, bias):
    """The same with running statistics."""
    return weight * (x - mean) / np.sqrt(var + EPS) + bias


def usual_backward(grad, cache):
    """The short formula for it, dx = (dx̂ - mean(dx̂) - x̂ mean(dx̂ x̂)) / std, with x̂ from the cache."""
    x_hat, std, weight = cache
    axes = (0, *range(2, grad.ndim))
    grad_bias = grad.sum(axis=axes, keepdims=True)
    grad_weight = (grad * x_hat).sum(axis=axes, keepdims=True)
    m = grad.size // grad.shape[1]
    return weight / std * (grad - grad_bias / m - x_hat * (grad_weight / m)), grad_weight, grad_bias


def contestants(shape):
    """Return {(what, who): function without arguments} for one shape, float32."""
    rng = np.random.default_rng(0)
    x, grad = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    channels = shape[1]
    weight, bias = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    mean, var = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    wide = [a.reshape((1, channels) + (1,) * (len(shape) - 2)) for a in (mean, var, weight, bias)]
    _, cache = usual_forward(x, *wide[2:])

    leaves = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    buffers = torch.tensor(mean), torch.tensor(var)
    torch_grad = torch.tensor(grad)

    def by_torch(training):
        return torch.nn.functional.batch_norm(leaves[0], *buffers, *leaves[1:], training=training, eps=EPS)

    graph = by_torch(True)
    return {
        ("train", "ours"): lambda: bnutils.batch_norm(x, mean, var, weight, bias, training=True, eps=EPS),
        ("train", "usual"): lambda: usual_forward(x, *wide[2:]),
        ("train", "torch"): lambda: by_torch(True),
        ("evaluate", "ours"): lambda: bnutils.batch_norm(x, mean, var, weight, bias, eps=EPS),
        ("evaluate", "usual"): lambda: usual_evaluation(x, *wide),
        ("evaluate", "torch"): lambda: by_torch(False),
        ("backward", "ours"): lambda: bnutils.batch_norm_backward(grad, x, weight, eps=EPS),
        ("backward", "usual"): lambda: usual_backward(grad, cache),
        ("backward", "torch"): lambda: torch.autograd.grad(graph, leaves, torch_grad, retain_graph=True),
        ("copy", "copy"): x.copy,
    }


def least_times(functions, calls):
    """Return the least time of each function in milliseconds, and the number of rounds; they run in turns.

    One measurement takes several calls, where a call is too short for the clock.
    """
    times = {key: [] for key in functions}
    end = time.process_time() + SECONDS
    while time.process_time() < end:
        for key, function in functions.items():
            start = time.process_time()
            for _ in range(calls):
                function()
            times[key].append(1e3 * (time.process_time() - start) / calls)
    return {key: min(values) for key, values in times.items()}, len(times["copy", "copy"])


def main():
    """Print one row for each shape and each of train, evaluate and backward."""
    torch.set_num_threads(1)
    print(f"numpy {np.__version__}, torch {torch.__version__}, float32, one thread, least CPU time in ms")
    columns = "".join(f"{name:>9}" for name in ("ours", "usual", "torch", "copy"))
    print(f"{'shape':18}{'':10}{columns}{'usual/ours':>12}{'ours/torch':>12}{'rounds':>9}")
    for shape in SHAPES:
        times, rounds = least_times(contestants(shape), calls=max(1, 2**19 // math.prod(shape)))
        for what in ("train", "evaluate", "backward"):
            ours, usual, by_torch = (times[what, who] for who in ("ours", "usual", "torch"))
            columns = "".join(f"{t:9.3f}" for t in (ours, usual, by_torch, times["copy", "copy"]))
            print(f"{str(shape):18}{what:10}{columns}{usual / ours:12.2f}{ours / by_torch:12.2f}{rounds:9}", flush=True)


if __name__ == "__main__":
    main()
