"""Time our batch norm on one thread against torch, the usual from-scratch NumPy, and a copy of the array.

    make benchmark

All take turns in one run, so that a busy moment of the machine hits each of them. The table gives medians of CPU time.
Forward is in training mode, with running statistics; our backward gets the input and computes the statistics again.
"""

import os

for name in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
    os.environ[f"{name}_NUM_THREADS"] = "1"  # before NumPy starts its threads

import statistics  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

import bnutils  # noqa: E402

SHAPES = [(65536, 128), (64, 64, 28, 28)]
REPETITIONS = 15
EPS = 1e-5


def usual_forward(x, weight, bias):
    """Batch norm as courses write it (CS231n, assignment 2): mean, var, broadcasting, a cache for backward."""
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axis=axes, keepdims=True)
    var = x.var(axis=axes, keepdims=True)
    std = np.sqrt(var + EPS)
    x_hat = (x - mean) / std
    return weight * x_hat + bias, (x_hat, std, weight)


def usual_backward(grad, cache):
    """The usual formula for it, dx = (m dx̂ - sum(dx̂) - x̂ sum(dx̂ x̂)) / (m std), with x̂ from the cache."""
    x_hat, std, weight = cache
    axes = (0, *range(2, grad.ndim))
    m = grad.size // grad.shape[1]
    grad_bias = grad.sum(axis=axes)
    grad_weight = (grad * x_hat).sum(axis=axes)
    dx_hat = grad * weight
    dx_hat_sum = dx_hat.sum(axis=axes, keepdims=True)
    projection = x_hat * (dx_hat * x_hat).sum(axis=axes, keepdims=True)
    return (m * dx_hat - dx_hat_sum - projection) / (m * std), grad_weight, grad_bias


def contestants(shape):
    """Return {(direction, name): function without arguments} for one shape, float32."""
    rng = np.random.default_rng(0)
    x, grad = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    channels = shape[1]
    weight, bias = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    mean, var = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    wide = (1, channels) + (1,) * (len(shape) - 2)
    weight_, bias_ = weight.reshape(wide), bias.reshape(wide)
    _, cache = usual_forward(x, weight_, bias_)

    leaves = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    buffers = torch.tensor(mean), torch.tensor(var)
    torch_grad = torch.tensor(grad)

    def torch_forward():
        return torch.nn.functional.batch_norm(leaves[0], *buffers, *leaves[1:], training=True, eps=EPS)

    graph = torch_forward()
    return {
        ("forward", "ours"): lambda: bnutils.batch_norm(x, mean, var, weight, bias, training=True, eps=EPS),
        ("forward", "usual"): lambda: usual_forward(x, weight_, bias_),
        ("forward", "torch"): torch_forward,
        ("forward", "copy"): x.copy,
        ("backward", "ours"): lambda: bnutils.batch_norm_backward(grad, x, weight, eps=EPS),
        ("backward", "usual"): lambda: usual_backward(grad, cache),
        ("backward", "torch"): lambda: torch.autograd.grad(graph, leaves, torch_grad, retain_graph=True),
        ("backward", "copy"): grad.copy,
    }


def median_times(functions):
    """Return the median time of each function in milliseconds; they run in turns."""
    times = {key: [] for key in functions}
    for _ in range(REPETITIONS + 1):
        for key, function in functions.items():
            start = time.process_time()
            function()
            times[key].append(1e3 * (time.process_time() - start))
    return {key: statistics.median(values[1:]) for key, values in times.items()}  # the first round warms up


def main():
    """Print one row for each shape and direction."""
    torch.set_num_threads(1)
    print(f"numpy {np.__version__}, torch {torch.__version__}, float32, one thread, median of {REPETITIONS}, ms")
    print(f"{'shape':18}{'':10}{'ours':>8}{'usual':>8}{'torch':>8}{'copy':>8}{'usual/ours':>12}{'ours/torch':>12}")
    for shape in SHAPES:
        times = median_times(contestants(shape))
        for direction in ("forward", "backward"):
            ours, usual, by_torch, copy = (times[direction, name] for name in ("ours", "usual", "torch", "copy"))
            row = f"{ours:8.1f}{usual:8.1f}{by_torch:8.1f}{copy:8.1f}{usual / ours:12.2f}{ours / by_torch:12.2f}"
            print(f"{str(shape):18}{direction:10}{row}", flush=True)


if __name__ == "__main__":
    main()
