"""Answers to the code of the assignment Project: the note's network, and the loop that trains it."""

from tests.answers import mutant

SEQUENTIAL = """
import torch
from torch import nn
from torch.nn import functional as F


def make_network():
    widths = [784, 128, 128, 128, 64]
    layers = [nn.Flatten()]
    for inputs, outputs in zip(widths[:-1], widths[1:]):
        layers.append(nn.Linear(inputs, outputs, bias=False))
        layers.append(nn.BatchNorm1d(outputs))
        layers.append(nn.ReLU())
    layers.append(nn.Linear(64, 10))
    return nn.Sequential(*layers)


def count_parameters(network):
    return sum(p.numel() for p in network.parameters())


def train_epoch(network, images, labels, lr):
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    network.train()
    for k in range(len(images) // 128):
        batch = slice(128 * k, 128 * (k + 1))
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()


def accuracy(network, images, labels):
    mode = network.training
    network.eval()
    with torch.no_grad():
        right = network(images).argmax(dim=1) == labels
    network.train(mode)
    return right.float().mean().item()
"""

CLASS = """
import torch
import torch.nn as nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, 128, bias=False)
        self.fc2 = nn.Linear(128, 128, bias=False)
        self.fc3 = nn.Linear(128, 128, bias=False)
        self.fc4 = nn.Linear(128, 64, bias=False)
        self.out = nn.Linear(64, 10)
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm1d(128) for _ in range(3))
        self.bn4 = nn.BatchNorm1d(64)

    def forward(self, x):
        x = x.view(x.shape[0], -1)
        for fc, bn in ((self.fc1, self.bn1), (self.fc2, self.bn2), (self.fc3, self.bn3), (self.fc4, self.bn4)):
            x = torch.relu(bn(fc(x)))
        return self.out(x)


def make_network():
    return Network()


def count_parameters(network):
    return int(sum(torch.tensor(p.shape).prod() for p in network.parameters() if p.requires_grad))


def train_epoch(network, images, labels, lr):
    loss_of = nn.CrossEntropyLoss()
    whole = len(images) - len(images) % 128
    for x, y in zip(images[:whole].split(128), labels[:whole].split(128)):
        network.train()
        network.zero_grad()
        loss_of(network(x), y).backward()
        with torch.no_grad():
            for p in network.parameters():
                p -= lr * p.grad


@torch.no_grad()
def accuracy(network, images, labels):
    was_training = network.training
    network.train(False)
    try:
        right = sum((network(x).argmax(1) == y).sum() for x, y in zip(images.split(64), labels.split(64)))
    finally:
        network.train(was_training)
    return right / len(labels)
"""

NOTE = """
import copy

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(28 * 28, 128, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, 128, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, 128, bias=False),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Linear(128, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, x):
        return self.model(x.flatten(1))


def make_network():
    return NeuralNetwork()


def count_parameters(network):
    return len(nn.utils.parameters_to_vector(network.parameters()))


def train_epoch(network, images, labels, lr):
    loader = DataLoader(TensorDataset(images, labels), batch_size=128, drop_last=True)
    optimizer = torch.optim.SGD(network.parameters(), lr)
    network.train()
    for x, y in loader:
        log_probabilities = network(x).log_softmax(dim=1)
        loss = -log_probabilities[torch.arange(len(y)), y].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def accuracy(network, images, labels):
    with torch.no_grad():
        logits = copy.deepcopy(network).eval()(images)
    return float(np.mean(logits.argmax(dim=1).numpy() == labels.numpy()))
"""

RIGHT = {
    "torch.nn.Sequential from a list of widths": SEQUENTIAL,
    "a class, all Linear before all BatchNorm, SGD by hand": CLASS,
    "the note's class, a DataLoader, evaluation of a copy": NOTE,
}


def lost(concept, fragment, replacement, source=SEQUENTIAL):
    """Return a mutant and the concept that it must lose, given without "project-"."""
    return mutant(source, fragment, replacement), {f"project-{concept}"}


NORM = "        layers.append(nn.BatchNorm1d(outputs))\n"
LAST = "    layers.append(nn.Linear(64, 10))\n"
RELU = "        layers.append(nn.ReLU())\n"

WRONG = {
    "the note as it stands, without Flatten": lost("shape", "x.flatten(1)", "x", NOTE),
    "nothing flattened": lost("shape", "nn.Flatten()", "nn.Identity()"),
    "a number of photos written into the network": (
        mutant(NOTE, "x.flatten(1)", "x.view(128, 784)"),
        {"project-shape", "project-forward"},
    ),
    "no network, and the rest is right": (
        SEQUENTIAL.replace("def make_network", "def my_network"),
        {f"project-{concept}" for concept in ("shape", "widths", "norms", "bias", "forward")},
    ),
    "a network without BatchNorm": (mutant(SEQUENTIAL, NORM, ""), {"project-norms"}),
    "a hidden layer too few": lost("widths", "[784, 128, 128, 128, 64]", "[784, 128, 128, 64]"),
    "64 units in each layer": lost("widths", "[784, 128, 128, 128, 64]", "[784, 64, 64, 64, 64]"),
    "BatchNorm on the logits": lost("norms", LAST, f"{LAST}    layers.append(nn.BatchNorm1d(10))\n"),
    "no BatchNorm in the last hidden layer": lost(
        "norms", NORM, "        if outputs == 128:\n            layers.append(nn.BatchNorm1d(outputs))\n"
    ),
    "a bias before BatchNorm": lost("bias", ", bias=False", ""),
    "no bias anywhere": lost("bias", "nn.Linear(64, 10)", "nn.Linear(64, 10, bias=False)"),
    "no ReLU": lost("forward", RELU, ""),
    "ReLU before BatchNorm": lost("forward", NORM + RELU, RELU + NORM),
    "ReLU on the logits": lost("forward", LAST, LAST + RELU[4:]),
    "probabilities instead of logits": lost("forward", LAST, f"{LAST}    layers.append(nn.Softmax(dim=1))\n"),
    "tanh": lost("forward", "nn.ReLU()", "nn.Tanh()"),
    "eps of Keras": lost("forward", "BatchNorm1d(outputs)", "BatchNorm1d(outputs, eps=1e-3)"),
    "eps taken for momentum": lost("forward", "BatchNorm1d(outputs)", "BatchNorm1d(outputs, 0.1)"),
    "momentum of Keras": lost("forward", "BatchNorm1d(outputs)", "BatchNorm1d(outputs, momentum=0.99)"),
    "buffers counted": lost("count", "in network.parameters())", "in network.state_dict().values())"),
    "arrays counted": lost("count", "sum(p.numel() for p in network.parameters())", "len(list(network.parameters()))"),
    "biases not counted": lost("count", "in network.parameters())", "in network.parameters() if p.ndim > 1)"),
    "train() forgotten": lost("training-mode", "    network.train()\n    for", "    for"),
    "trains in evaluation mode": lost("training-mode", "network.train()\n", "network.eval()\n"),
    "gradients add up": lost("step", "        optimizer.zero_grad()\n", ""),
    "a momentum of the optimizer": lost("step", "lr=lr)", "lr=lr, momentum=0.9)"),
    "Adam": lost("step", "torch.optim.SGD", "torch.optim.Adam"),
    "no step": lost("step", "        optimizer.step()\n", ""),
    "uphill": lost("step", "loss.backward()", "(-loss).backward()"),
    "cross-entropy of probabilities": lost("step", "(network(images[batch])", "(network(images[batch]).softmax(1)"),
    "the sum of the losses": lost("step", "labels[batch])", 'labels[batch], reduction="sum")'),
    "labels of other photos": lost("step", "labels[batch])", "labels[batch].roll(1))"),
    "the learning rate ignored": lost("step", "lr=lr", "lr=0.1"),
    "the rest is a batch, too": lost("batches", "range(len(images) // 128)", "range(-(-len(images) // 128))"),
    "batches of 64": lost(
        "batches",
        "range(len(images) // 128):\n        batch = slice(128 * k, 128 * (k + 1))",
        "range(len(images) // 64):\n        batch = slice(64 * k, 64 * (k + 1))",
    ),
    "all at once": lost(
        "batches",
        "range(len(images) // 128):\n        batch = slice(128 * k, 128 * (k + 1))",
        "range(1):\n        batch = slice(None)",
    ),
    "percent": lost("accuracy", "right.float().mean().item()", "100 * right.float().mean().item()"),
    "a number of photos": lost("accuracy", "right.float().mean().item()", "right.sum().item()"),
    "the error": lost("accuracy", "argmax(dim=1) ==", "argmax(dim=1) !="),
    "the rest of the photos left out": lost(
        "accuracy",
        "network(images).argmax(dim=1) == labels",
        "(network(images).argmax(dim=1) == labels)[: max(1, len(labels) // 128 * 128)]",
    ),
    "eval() forgotten": lost("evaluation-mode", "    network.eval()\n", ""),
    "no_grad taken for eval()": lost("evaluation-mode", "    network.eval()\n", "    network.requires_grad_(False)\n"),
    "measures in training mode": lost("evaluation-mode", "    network.eval()\n", "    network.train()\n"),
    "left in evaluation mode": lost("mode-kept", "    network.train(mode)\n", ""),
    "always back to training mode": lost("mode-kept", "network.train(mode)", "network.train()"),
}
