"""What is told about the concepts of the assignment Project; its examples run beside the answer, where networks stay.

All but those of the network itself ask with small networks of their own, as the notebook's cells do.
"""

import torch
from torch import nn
from torch.nn import functional as F

from grading.lessons import Lesson
from grading.words import say

BESIDE_THE_ANSWER = True
NORM, RELU = "norm", "relu"


def network(*, flatten=True, widths=(128, 128, 128, 64), biases=(False, True), order=(NORM, RELU), behind=(), **norm):
    """Return a function like `make_network`, right but for what is said here."""
    activation, skip = norm.pop("activation", nn.ReLU), norm.pop("skip", -1)

    def make_network():
        inputs, layers = 784, [nn.Flatten()] if flatten else []
        for number, outputs in enumerate(widths):
            layers.append(nn.Linear(inputs, outputs, bias=biases[0]))
            made = {NORM: lambda n=outputs: nn.BatchNorm1d(n, **norm), RELU: activation}
            layers += [made[kind]() for kind in order if not (kind == NORM and number == skip)]
            inputs = outputs
        return nn.Sequential(*layers, nn.Linear(inputs, 10, bias=biases[1]), *(kind() for kind in behind))

    return {"make_network": make_network}


def training(
    *, mode=True, clear=True, sign=1, optimizer=torch.optim.SGD, rest=False, first=False, size=128, rate=None, **options
):
    """Return a function like `train_epoch`, right but for what is said here."""
    loss, shift = options.pop("loss", F.cross_entropy), options.pop("shift", 0)

    def train_epoch(network, images, labels, lr):
        network.train(mode)
        step = optimizer(network.parameters(), lr=lr if rate is None else rate, **options)
        for x, y in zip(images.split(size or len(images)), labels.split(size or len(images)), strict=True):
            if len(x) < size and not rest:
                break
            if clear:
                step.zero_grad()
            (sign * loss(network(x), y.roll(shift))).backward()
            step.step()
            if first:
                break

    return {"train_epoch": train_epoch}


def idle(network, images, labels, lr):
    """Do nothing."""


def untrained(network, images, labels, lr):
    """Forget the step."""
    network.train()
    for x in images[: len(images) // 128 * 128].split(128):
        network(x)


def measure(*, mode=False, after=None, result=lambda right: right.float().mean().item(), least=0):
    """Return a function like `accuracy`, right but for what is said here."""

    def accuracy(network, images, labels):
        before = network.training
        if mode is not None:
            network.train(mode)
        with torch.no_grad():
            right = network(images).argmax(dim=1) == labels
        network.train(before if after is None else after)
        return result(right[: len(right) // least * least] if least else right)

    return {"accuracy": accuracy}


def count(of):
    """Return a function like `count_parameters`, made of one that counts otherwise."""
    return {"count_parameters": of}


def trained(network, wanted=lambda p: True):
    return sum(p.numel() for p in network.parameters() if wanted(p))


RIGHT = network() | training() | measure() | count(trained) | {"torch": torch, "nn": nn, "F": F}
MISTAKES = {
    say("the photos are not flattened (nn.Flatten)"): network(flatten=False),
    say("a hidden layer is missing"): [network(widths=(128, 128, 64)), network(widths=(128, 128, 128))],
    say("the logits go through a BatchNorm"): network(behind=[lambda: nn.BatchNorm1d(10)]),
    say("the last hidden layer has no BatchNorm"): network(skip=3),
    say("there is no BatchNorm"): network(order=(RELU,)),
    say("all Linear layers have a bias, which is torch's default"): network(biases=(True, True)),
    say("no Linear has a bias, not even the last one"): network(biases=(False, False)),
    say("there is no ReLU"): network(order=(NORM,)),
    say("ReLU comes before BatchNorm"): network(order=(RELU, NORM)),
    say("the logits go through a ReLU"): network(behind=[nn.ReLU]),
    say("the logits go through a Softmax: cross-entropy does that itself"): [
        network(behind=[lambda: nn.Softmax(dim=1)]),
        network(behind=[lambda: nn.LogSoftmax(dim=1)]),
    ],
    say("the activation is another one than ReLU"): [
        network(activation=kind) for kind in (nn.Tanh, nn.Sigmoid, nn.GELU, nn.LeakyReLU)
    ],
    say("the eps or the momentum of BatchNorm is not torch's default"): [
        *[network(eps=eps) for eps in (1e-3, 0.1)],
        *[network(momentum=momentum) for momentum in (0.9, 0.99, 0.01)],
    ],
    say("running statistics are counted, too"): count(lambda net: sum(a.numel() for a in net.state_dict().values())),
    say("arrays are counted, and not the numbers in them"): count(lambda net: len(list(net.parameters()))),
    say("biases, and the numbers of BatchNorm, are not counted"): count(lambda net: trained(net, lambda p: p.ndim > 1)),
    say("nothing is trained"): {"train_epoch": idle},
    say("the network is not switched to training mode"): training(mode=False),
    say("gradients are left over from the batch before: zero_grad() is missing"): training(clear=False),
    say("the optimizer has a momentum of its own"): [training(momentum=momentum) for momentum in (0.9, 0.5, 0.99)],
    say("the optimizer is Adam, not plain SGD"): training(optimizer=torch.optim.Adam),
    say("the optimizer uses weight decay"): [training(weight_decay=decay) for decay in (1e-1, 1e-2, 1e-3)],
    say("no step is taken"): {"train_epoch": untrained},
    say("the steps go uphill"): training(sign=-1),
    say("the losses of a batch are summed, and not averaged"): training(
        loss=lambda logits, y: F.cross_entropy(logits, y, reduction="sum")
    ),
    say("the logits go through a Softmax before the cross-entropy, which does that itself"): training(
        loss=lambda logits, y: F.cross_entropy(logits.softmax(dim=1), y)
    ),
    say("the labels belong to other photos"): [training(shift=1), training(shift=-1)],
    say("the learning rate is always the same, whatever lr is"): [training(rate=rate) for rate in (0.1, 0.01, 0.001)],
    say("the remainder is a batch, too"): training(rest=True),
    say("batches have 64 photos"): [training(size=64), training(size=64, rest=True)],
    say("all photos are one batch"): training(size=0),
    say("the function ends after the first batch"): training(first=True),
    say("accuracy is given in percent"): measure(result=lambda right: 100 * right.float().mean().item()),
    say("right answers are counted, and not divided by the number of photos"): measure(
        result=lambda right: right.sum().item()
    ),
    say("the wrong answers are counted"): measure(result=lambda right: 1 - right.float().mean().item()),
    say("the photos after the last whole batch are left out"): [measure(least=n) for n in (128, 64, 32)],
    say("the network is not switched to evaluation mode"): measure(mode=True),
    say("the network is left in evaluation mode"): measure(after=False),
    say("the network is put into training mode, whatever it was in"): measure(after=True),
}
LINEARS = " for m in make_network().modules() if isinstance(m, nn.Linear)]"
LAYERS = """layers = [m for m in make_network().modules() if isinstance(m, (nn.Linear, nn.BatchNorm1d))]
[f"{type(m).__name__} {len(m.weight)}" for m in layers]"""
SAME_WEIGHTS = """net = make_network()
for m in net.modules():  # the same weights for everybody
    if isinstance(m, nn.Linear):
        m.bias, w = None, m.weight
        w.data = torch.arange(1.0, w.numel() + 1).sin().reshape(w.shape)
x = torch.arange(8.0 * 784).cos().reshape(8, 28, 28)
training = net(x).detach().numpy()[0, :4]
net.eval()
training, net(x).detach().numpy()[0, :4]"""
STEPS = """net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10, bias=False))
net[1].weight.data = torch.arange(7840.0).sin().reshape(10, 784) / 28
x, y = torch.arange(256.0 * 784).cos().reshape(256, 28, 28), torch.arange(256) ** 2 % 10
before = net[1].weight.detach().numpy().copy()
train_epoch(net, x, y, 4.0)
(net[1].weight.detach().numpy() - before)[:2, :3]"""
NORMED = "norm = nn.BatchNorm1d(784)\nnet = nn.Sequential(nn.Flatten(), norm, nn.Linear(784, 10))\n"
LESSONS = {
    "project-shape": Lesson(
        say("The network takes photos of shape (N, 28, 28) as they are, and flattens them itself."),
        "pytorch-network",
        "list(make_network()(torch.zeros(5, 28, 28)).shape)",
    ),
    "project-widths": Lesson(
        say("The Linear layers go 784, 128, 128, 128, 64, 10."),
        "pytorch-network",
        '[f"{m.in_features} to {m.out_features}"' + LINEARS,
    ),
    "project-norms": Lesson(
        say("There is a BatchNorm after each Linear but the last, of as many features."), "pytorch-network", LAYERS
    ),
    "project-bias": Lesson(
        say("A Linear before a BatchNorm has no bias, the last Linear has one."),
        "linear-bias",
        "[m.bias is not None" + LINEARS,
    ),
    "project-forward": Lesson(
        say("Linear, BatchNorm with torch's defaults, ReLU, four times, then the last Linear."),
        "pytorch-network",
        SAME_WEIGHTS,
    ),
    "project-count": Lesson(
        say("count_parameters counts what the optimizer trains, and no running statistics, as an int."),
        "pytorch-buffers",
        "small = nn.Sequential(nn.Linear(3, 2, bias=False), nn.BatchNorm1d(2), nn.Linear(2, 5))\n"
        "count_parameters(small)",
    ),
    "project-training-mode": Lesson(
        say("train_epoch switches to training mode itself, whatever the mode was."),
        "clinic-04",
        NORMED + "before = net[2].bias.detach().clone()\n"
        "train_epoch(net.eval(), torch.randn(256, 28, 28), torch.arange(256) % 10, 0.1)\n"
        "norm.num_batches_tracked.item(), bool((net[2].bias != before).any())",
    ),
    "project-step": Lesson(
        say("Each batch is one step of plain SGD on its mean cross-entropy; no gradient is left over."),
        "pytorch-checklist",
        STEPS,
    ),
    "project-batches": Lesson(
        say("Batches have 128 photos, in the given order, and a remainder is left out."),
        "pytorch-one",
        "sizes, net = [], nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
        "net.register_forward_hook(lambda net, given, logits: sizes.append(len(logits)))\n"
        "train_epoch(net, torch.zeros(300, 28, 28), torch.arange(300) % 10, 0.1)\nsizes",
    ),
    "project-accuracy": Lesson(
        say("accuracy is the fraction of photos whose largest logit belongs to the label."),
        "pytorch-switches",
        "net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).eval()\n"
        "net[1].bias.data = F.one_hot(torch.tensor(3), 10) * 9.0  # says 3 to everything\n"
        "accuracy(net, torch.zeros(130, 28, 28), torch.arange(130) % 5)",
    ),
    "project-evaluation-mode": Lesson(
        say("accuracy measures in evaluation mode, changes nothing, and takes a single photo, too."),
        "switches",
        NORMED + "accuracy(net, torch.randn(100, 28, 28), torch.arange(100) % 10)\n"
        "norm.num_batches_tracked.item() == 0  # no running statistic has moved",
    ),
    "project-mode-kept": Lesson(
        say("accuracy leaves the network in the mode in which it was."),
        "pytorch-switches",
        "modes, net = [], nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n"
        "for mode in (True, False):\n"
        "    accuracy(net.train(mode), torch.zeros(4, 28, 28), torch.tensor([0, 1, 2, 3]))\n"
        "    modes.append(net.training)\nmodes",
    ),
}
