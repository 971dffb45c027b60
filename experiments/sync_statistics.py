"""Split one batch over processes, and share the statistics of batch norm; write results/sync_statistics.json.

Run in the root of the repository, on this machine alone; about ten seconds:

    torchrun --standalone --nproc_per_node 2 experiments/sync_statistics.py

With `--print` at the end the results are printed as JSON and not stored.
"""

import datetime
import json
import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from bnutils.data import save_results

SPLITS = {"equal": (32, 32), "unequal": (48, 16)}


def make_batch():
    """Return 64 samples of 5 features, in no particular scale, and the upstream gradient, both in float64."""
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(64, 5, generator=generator, dtype=torch.float64)
    x = 3 + (x + torch.linspace(-2, 2, 64, dtype=torch.float64)[:, None]) * torch.arange(1, 6)
    return x, torch.randn(64, 5, generator=generator, dtype=torch.float64)


class SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; the gradient is the sum of all their gradients."""

    @staticmethod
    def forward(_, values):
        total = values.clone()
        dist.all_reduce(total)
        return total

    backward = forward


def shared_statistics(x):
    """Return mean and biased variance over the samples of all processes; gradients flow back to all of them."""
    sums = SumOverProcesses.apply(torch.cat([x.sum(dim=0), x.new_tensor([len(x)])]))
    mean, count = sums[:-1] / sums[-1], sums[-1]
    return mean, SumOverProcesses.apply(((x - mean) ** 2).sum(dim=0)) / count


def largest(error):
    """Return the largest absolute entry over all processes."""
    error = error.detach().abs().max()
    dist.all_reduce(error, op=dist.ReduceOp.MAX)
    return error.item()


def compare(sizes):
    """Return errors against the whole batch: of shared statistics, of averaged ones, of output and gradient."""
    x, upstream = make_batch()
    mine = slice(sum(sizes[: dist.get_rank()]), sum(sizes[: dist.get_rank() + 1]))
    whole = x.clone().requires_grad_()
    target = nn.functional.batch_norm(whole, None, None, training=True)
    target.backward(upstream)
    part = x[mine].clone().requires_grad_()
    mean, var = shared_statistics(part)
    y = (part - mean) / (var + 1e-5).sqrt()
    y.backward(upstream[mine])
    averaged = torch.stack([part.mean(dim=0), part.var(dim=0, correction=0)]).detach()
    dist.all_reduce(averaged)
    averaged /= dist.get_world_size()
    true_mean, true_var = x.mean(dim=0), x.var(dim=0, correction=0)
    return {
        "mean_shared": largest((mean - true_mean) / true_mean),
        "var_shared": largest((var - true_var) / true_var),
        "mean_averaged": largest((averaged[0] - true_mean) / true_mean),
        "var_averaged": largest((averaged[1] - true_var) / true_var),
        "output": largest(y - target[mine]),
        "gradient": largest(part.grad - whole.grad[mine]),
    }


def watch_ddp(copied):
    """Return what DistributedDataParallel does to the running means of an ordinary BatchNorm1d, process by process.

    ``copied`` is torch's ``forward_sync_buffers``, until 2.12 ``broadcast_buffers``: whether the buffers of process 0
    are copied over all others before each step.
    """
    x, _ = make_batch()
    part = x.chunk(dist.get_world_size())[dist.get_rank()]
    layer = nn.BatchNorm1d(5, momentum=1.0).double()  # remembers the last batch only
    model, seen = DistributedDataParallel(layer, forward_sync_buffers=copied), []
    layer.register_forward_pre_hook(lambda *_: seen.append(layer.running_mean[0].item()))
    model(part)
    seen.append(layer.running_mean[0].item())
    model(part)
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, seen)
    first, after, again = zip(*values, strict=True)
    return {"before_step_1": first, "after_step_1": after, "before_step_2": again, "whole": x[:, 0].mean().item()}


def refused():
    """Return what nn.SyncBatchNorm says in training mode to tensors on the CPU; in evaluation mode it works."""
    layer, (x, _) = nn.SyncBatchNorm(5).double(), make_batch()
    layer.eval()(x)
    try:
        layer.train()(x)
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    return ""


PROTOCOL = {  # nothing is trained
    "budgets": {"unit": "steps", "values": [1]},
    "rates": [],
    "seeds": {"tuning": [], "final": [7]},
    "initial_weights": {"all": "torch's: weight 1, bias 0"},
    "data": "64 samples of 5 features in float64, drawn in no particular scale",
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")  # loopback only
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=60))
    results = {"protocol": PROTOCOL} | {name: compare(sizes) for name, sizes in SPLITS.items()}
    results |= {"ddp": watch_ddp(True), "ddp_not_copied": watch_ddp(False), "refused": refused()}
    results |= {"processes": dist.get_world_size(), "splits": SPLITS}
    if dist.get_rank() == 0 and "--print" in sys.argv:
        print(json.dumps(results))
    elif dist.get_rank() == 0:
        command = "torchrun --standalone --nproc_per_node 2 experiments/sync_statistics.py"
        save_results("sync_statistics", command, results)
    dist.destroy_process_group()
