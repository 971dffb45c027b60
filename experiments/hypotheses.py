"""Put the hypotheses about batch norm on trial; write bnutils/results/hypotheses.json, for the chapter of that name.

Run `python experiments/hypotheses.py` in the root of the repository; about 25 core minutes. Four experiments:

"training"    the book's network in all ``ARMS`` with all ``LEARNING_RATES``: accuracy, and how far layer 3 drifts
"smoothness"  loss and gradient along the gradient of one batch, forty times in the course of training
"gradients"   how much the gradient grows per layer in a deep network that is not trained
"depth"       accuracy of deeper and deeper networks; all rates are kept, so that validation can choose

All but the third have two budgets of training, ``BUDGETS``: epochs with the full rate, then some with a tenth of it.
Nothing is tuned on test images. A value that is not finite is stored as null.
"""

import functools
import math
import os
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from bnutils.data import save_results
from bnutils.training import accuracy, batch_norm_layers, fashion_tensors, make_network, recalibrate, train

SEEDS = tuple(range(300, 305))
BUDGETS = {5: (4, 1), 15: (12, 3)}  # all epochs: those with the full rate, those with a tenth of it
LEARNING_RATES = (0.03, 0.1, 0.5, 2.0, 4.0, 6.0, 8.0)
ARMS = ("plain", "bn", "noise 0.5", "noise 1", "noise 2", "layer", "held")
SMOOTHNESS_ARMS = ("plain", "bn", "noise 0.5", "noise 1", "layer")
STEP_SIZES = (0.05, 0.1, 0.2, 0.4)  # in units of the gradient: half to four times the learning rate of 0.1
EVERY = {5: 4, 15: 12}  # steps between two looks at the smoothness, for each budget
BATCH_SIZES = (8, 16, 32, 64, 128, 256, 512)
ACTIVATIONS = {"relu": torch.relu, "linear": nn.Identity(), "tanh": torch.tanh, "sigmoid": torch.sigmoid}
DEPTHS = (5, 10, 20, 40)
DEPTH_RATES = {  # activation and start: learning rates
    ("relu", "bn"): (0.03, 0.1, 0.3, 1.0, 3.0),
    ("relu", "plain"): (0.003, 0.01, 0.03, 0.1, 0.3),
    ("sigmoid", "bn"): (0.03, 0.1, 0.3, 1.0, 3.0),
    ("sigmoid", "plain"): (0.03, 0.1, 0.3, 1.0, 3.0),
    ("sigmoid", "plain, own weights"): (0.03, 0.1, 0.3, 1.0, 3.0),
}
DEPTH_CASES = [("relu", arm, depth) for depth in DEPTHS for arm in ("bn", "plain")]
DEPTH_CASES += [("sigmoid", arm, 5) for arm in ("bn", "plain", "plain, own weights")]
SETTINGS = {"batch_size": 128, "probe": 512, "width": 256, "layers": 50}


@functools.cache
def load():
    """Return the tensors of `fashion_tensors`, loaded once in a process."""
    return fashion_tensors(folder="")


class NoisyNorm(nn.BatchNorm1d):
    """Batch norm whose output, in training, is scaled and shifted by random numbers, new for each batch and feature.

    The shift is uniform in +-level, the scale uniform in 1 +- level / 2. With ``noise`` False it is plain batch norm.
    """

    def __init__(self, num_features, level, generator):
        super().__init__(num_features)
        self.level, self.generator, self.noise = level, generator, True

    def forward(self, z):
        y = super().forward(z)
        if not (self.training and self.noise):
            return y
        shift, scale = self.level * (2 * torch.rand(2, self.num_features, generator=self.generator) - 1)
        return y * (1 + scale / 2) + shift


def build(arm, seed, hidden=(128, 128, 128, 64)):
    """Return the network of an arm with He's initial weights and zero biases; the same weights in all arms."""
    model = make_network(arm != "plain", hidden, seed)
    generator, noise = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    for k, layer in enumerate(model):
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d) and arm.startswith("noise"):
            model[k] = NoisyNorm(layer.num_features, float(arm.split()[1]), noise)
        elif isinstance(layer, nn.BatchNorm1d) and arm == "layer":
            model[k] = nn.LayerNorm(layer.num_features)
    return model


def set_noise(model, noise):
    """Switch the noise of all `NoisyNorm` layers on or off; return the model."""
    for layer in batch_norm_layers(model):
        layer.noise = noise
    return model


def hidden_weights(model):
    """Return the weights of all Linear layers but the last: those that a normalization follows."""
    return [layer.weight for layer in model if isinstance(layer, nn.Linear)][:-1]


def activations(model, x, layer):
    """Return what hidden layer ``layer``, counted from 1, hands on in training mode; running statistics stay."""
    states = [(bn, bn.momentum, bn.num_batches_tracked.clone()) for bn in batch_norm_layers(model)]
    for bn, *_ in states:
        bn.momentum = 0.0
    ends = [k for k, part in enumerate(model) if isinstance(part, nn.ReLU)]
    with torch.no_grad():
        h = model.train()[: ends[layer - 1] + 1](x)
    for bn, momentum, count in states:
        bn.momentum, bn.num_batches_tracked = momentum, count
    return h


def number(value):
    """Return a float, or None if it is not finite."""
    return float(value) if math.isfinite(value) else None


def run(arm, lr, seed, splits=("train", "validation", "test"), budget=5):
    """Train one network; return its accuracies, and how far the means of layer 3 move in one step.

    ``shift`` is the mean over steps and features of the change of the mean over a fixed set of training images;
    ``spread`` the mean over steps and features of the standard deviation over these images, and ``drift`` the shift in
    units of the spread. All are taken in the epochs with the full rate. Accuracies are those after recalibration
    without noise; "running" uses the running statistics as training left them. In the arm "held" each row of the
    hidden weights is set back to its initial norm after each step.
    """
    data, model = load(), build(arm, seed)
    probe = data["train"][0][torch.randperm(5000, generator=torch.Generator().manual_seed(seed))[: SETTINGS["probe"]]]
    norms = [w.detach().norm(dim=1, keepdim=True) for w in hidden_weights(model)]
    means, spreads = [], []

    def look(step, model):
        h = activations(model, probe, 3)
        means.append(h.mean(dim=0))
        spreads.append(h.std(dim=0, correction=0).mean())

    def hold(step, model):
        if arm == "held":
            with torch.no_grad():
                for weight, norm in zip(hidden_weights(model), norms, strict=True):
                    weight.mul_(norm / weight.norm(dim=1, keepdim=True))

    def on_step(step, model):
        hold(step, model)
        look(step, model)

    full, decayed = BUDGETS[budget]
    losses = train(model, *data["train"], epochs=full, lr=lr, seed=seed, on_step=on_step)
    train(model, *data["train"], epochs=decayed, lr=lr / 10, seed=seed + 1000, on_step=hold)
    growth = [
        (w.detach().norm(dim=1, keepdim=True) / n).mean() for w, n in zip(hidden_weights(model), norms, strict=True)
    ]
    shift, spread = torch.stack(means).diff(dim=0).abs().mean(), torch.stack(spreads).mean()
    result = {"arm": arm, "lr": lr, "seed": seed, "budget": budget, "loss": number(sum(losses[-20:]) / 20)}
    result |= {"shift": number(shift), "spread": number(spread), "drift": number(shift / spread)}
    result["growth"] = [number(g) for g in growth]  # of the norm of the weights, for each hidden layer
    result["running"] = accuracy(model, *data["validation"])
    model = recalibrate(set_noise(model, False), data["train"][0])
    return result | {split: accuracy(model, *data[split]) for split in splits}


def along_the_gradient(model, x, y):
    """Return the loss at all ``STEP_SIZES`` along the gradient, 0 first, and how far the gradient has moved there.

    A dict: "loss", one more than step sizes; "moved", the distance of the gradient there from that at 0; "norm", the
    norm of the gradient at 0. All points of the line see the same noise; the model is left as it was.
    """
    state = {name: value.clone() for name, value in model.state_dict().items()}
    generators = {bn.generator for bn in batch_norm_layers(model) if isinstance(bn, NoisyNorm)}
    noise = {g: g.get_state() for g in generators}
    parameters, losses, gradients = list(model.parameters()), [], []
    for size in (0, *STEP_SIZES):
        for g, saved in noise.items():
            g.set_state(saved)
        with torch.no_grad():
            for k, (name, p) in enumerate(model.named_parameters()):
                p.copy_(state[name] - (size * gradients[0][k] if size else 0))
        loss = F.cross_entropy(model.train()(x), y)
        losses.append(loss.item())
        gradients.append(torch.autograd.grad(loss, parameters))
    model.load_state_dict(state)
    flat = [torch.cat([g.flatten() for g in gradient]) for gradient in gradients]
    moved = [(g - flat[0]).norm().item() for g in flat[1:]]
    return {"loss": losses, "moved": moved, "norm": flat[0].norm().item()}


def smoothness(arm, seed, budget=5, lr=0.1, epochs=None):
    """Train one network; every few steps, look along the gradient of a fresh batch of training images.

    Only in the epochs with the full rate, or in the first ``epochs`` of them.
    """
    data, model, looks, every = load(), build(arm, seed), [], EVERY[budget]
    x, y = data["train"]
    generator = torch.Generator().manual_seed(seed + 1000)

    def on_step(step, model):
        if step % every == 1 % every:
            batch = torch.randperm(len(x), generator=generator)[:128]
            looks.append(along_the_gradient(model, x[batch], y[batch]))

    train(model, x, y, epochs=epochs or BUDGETS[budget][0], lr=lr, seed=seed, on_step=on_step)
    return {"arm": arm, "lr": lr, "seed": seed, "budget": budget} | {
        key: [look[key] for look in looks] for key in looks[0]
    }


def gradient_norms(activation, norm, batch_size, seed, width=SETTINGS["width"], layers=SETTINGS["layers"]):
    """Return the norm of the gradient by each layer's output in a deep network at initialization, first layer first.

    Gaussian input and Gaussian upstream gradient. The weights have variance 2 / width for ReLU, else 1 / width.
    """
    generator = torch.Generator().manual_seed(seed)
    gain = math.sqrt((2 if activation == "relu" else 1) / width)
    h, outputs = torch.randn(batch_size, width, generator=generator), []
    for _ in range(layers):
        z = h @ (gain * torch.randn(width, width, generator=generator))
        z = F.batch_norm(z, None, None, training=True) if norm else z
        h = ACTIVATIONS[activation](z.requires_grad_())
        outputs.append(h)
    upstream = torch.randn(batch_size, width, generator=generator)
    gradients = torch.autograd.grad(h, outputs, upstream)
    return [g.double().norm().item() for g in gradients]  # squares may be too small for float32


def growth(norms, skip=5):
    """Return the factor per layer by which the gradient grows on its way back, without the first and last layers."""
    return (norms[skip] / norms[-1 - skip]) ** (1 / (len(norms) - 1 - 2 * skip))


def deep(activation, arm, depth, lr, seed, budget=5):
    """Train a network of ``depth`` hidden layers of 64 units; return its accuracies.

    ``arm`` is "bn" or "plain", with He's initial weights. "plain, own weights" has those that a sigmoid wants, four
    times Glorot's: a variance of 16 * 2 / (fan in + fan out), since the sigmoid has a slope of 1/4 at 0.
    """
    data, model = load(), build("bn" if arm == "bn" else "plain", seed, hidden=(64,) * depth)
    if activation == "sigmoid":
        for k, layer in enumerate(model):
            if isinstance(layer, nn.ReLU):
                model[k] = nn.Sigmoid()
    if arm == "plain, own weights":
        generator = torch.Generator().manual_seed(seed)
        for weight in hidden_weights(model):
            nn.init.xavier_normal_(weight, gain=4, generator=generator)
    full, decayed = BUDGETS[budget]
    train(model, *data["train"], epochs=full, lr=lr, seed=seed)
    train(model, *data["train"], epochs=decayed, lr=lr / 10, seed=seed + 1000)
    model = recalibrate(model, data["train"][0])
    result = {"activation": activation, "arm": arm, "depth": depth, "lr": lr, "seed": seed, "budget": budget}
    return result | {split: accuracy(model, *data[split]) for split in ("train", "validation", "test")}


def all_gradients():
    """Return the growth per layer for every batch size with ReLU, and for every activation with and without norm."""
    cases = [("relu", True, size, 256) for size in BATCH_SIZES]
    cases += [
        (name, norm, 128, 256) for name in ACTIVATIONS for norm in (True, False) if (name, norm) != ("relu", True)
    ]
    cases += [("relu", True, size, 1024) for size in (128, 512)]  # is it the width?
    runs = []
    for name, norm, size, width in cases:
        for seed in SEEDS[: 5 if width == 256 else 3]:
            norms = gradient_norms(name, norm, size, seed, width, layers=50 if width == 256 else 30)
            case = {"activation": name, "norm": norm, "batch_size": size, "width": width, "seed": seed}
            runs.append(case | {"norms": norms, "growth": growth(norms)})
    return runs


def name_protocols():
    """Return what each experiment hangs on: budgets, rates, seeds, initial weights and data."""
    data = "5,000 training images of Fashion-MNIST, 1,000 validation and 2,000 test images"
    he = "He's for ReLU, biases 0; the same in all arms"
    both, seeds = {"unit": "epochs", "values": list(BUDGETS)}, {"tuning": [], "final": SEEDS}
    training = {"budgets": both, "rates": LEARNING_RATES, "seeds": seeds, "initial_weights": {"all": he}, "data": data}
    smooth = training | {"rates": [0.1], "data": "batches of 128 of the 5,000 training images of Fashion-MNIST"}
    weights = {"relu": "normal, variance 2 / width", "linear, tanh, sigmoid": "normal, variance 1 / width"}
    gradients = smooth | {"budgets": {"unit": "steps", "values": [0]}, "rates": [], "initial_weights": weights}
    gradients["data"] = "normal input and normal upstream gradient"
    depth = training | {"rates": {f"{f}, {arm}": rates for (f, arm), rates in DEPTH_RATES.items()}}
    depth["initial_weights"] = {"bn, plain": he, "plain, own weights": "normal, 4 times Glorot's; biases 0"}
    depth["data"] = data + "; a rate is chosen on the validation images of the same runs"
    return {"training": training, "smoothness": smooth, "gradients": gradients, "depth": depth}


def _call(job):
    function, *arguments = job
    return function(*arguments)


def main():
    """Run all experiments and save all that was measured."""
    os.environ["TQDM_DISABLE"] = "1"  # in the workers
    settings = {"seeds": SEEDS, "learning_rates": LEARNING_RATES, "step_sizes": STEP_SIZES, "every": EVERY, **SETTINGS}
    settings |= {"arms": ARMS, "smoothness_arms": SMOOTHNESS_ARMS, "batch_sizes": BATCH_SIZES, "threads": 1}
    settings |= {"budgets": BUDGETS, "depths": DEPTHS}
    jobs = {
        "smoothness": [(smoothness, arm, seed, b) for seed in SEEDS for b in BUDGETS for arm in SMOOTHNESS_ARMS],
        "training": [
            (run, arm, lr, seed, ("train", "validation", "test"), b)
            for seed in SEEDS
            for b in BUDGETS
            for lr in LEARNING_RATES
            for arm in ARMS
        ],
        "depth": [
            (deep, *case, lr, seed, b)
            for seed in SEEDS
            for b in BUDGETS
            for case in DEPTH_CASES
            for lr in DEPTH_RATES[case[:2]]
        ],
    }
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        gradients = pool.submit(all_gradients)
        results = {
            name: list(tqdm(pool.map(_call, todo), total=len(todo), desc=name, disable=False))
            for name, todo in jobs.items()
        }
        results |= {"gradients": gradients.result()}
    save_results(
        "hypotheses",
        "python experiments/hypotheses.py",
        {"protocol": name_protocols(), "settings": settings} | results,
    )


if __name__ == "__main__":
    main()
