"""What is told about the concepts of the assignment State."""

from weakref import WeakValueDictionary

import numpy as np

from grading.lessons import Lesson
from grading.words import say


def update(ddof=1, turned=False, fades=(1, 1), root=False, swapped=False, keepdims=False):
    """Return a function like `update_running`, right but for what is said here."""

    def update_running(running_mean, running_var, x, momentum):
        new = [1 - momentum if turned in (True, which) else momentum for which in ("mean", "var")]
        old = [1 - part if fade else 1.0 for part, fade in zip(new, fades, strict=True)]
        spread = x.var(axis=0, ddof=ddof, keepdims=keepdims) ** (0.5 if root else 1)
        mean = old[0] * running_mean + new[0] * x.mean(axis=0, keepdims=keepdims)
        var = old[1] * running_var + new[1] * spread
        return (var, mean) if swapped else (mean, var)

    return update_running


class Shared(list):
    """What layers share, until the last of them is gone."""


def layer(
    output=0,
    memory=1,
    start=1.0,
    momentum=None,
    inverse=lambda var, eps: (var + eps) ** -0.5,
    inverse_in_eval=None,
    **flags,
):
    """Return a class like `BatchNorm`, right but for what is said here."""

    class BatchNorm:
        common = WeakValueDictionary()  # what all layers share, if they do, as long as there is one

        def __init__(self, num_features, eps=1e-5, momentum=0.1):
            self.eps, self.momentum, self.training = eps, momentum, "starts_in_eval" not in flags
            self.weight, self.bias = np.ones(num_features), np.zeros(num_features)
            memory = np.zeros(num_features), np.full(num_features, start)
            self.shared = self.common.setdefault(num_features, Shared(memory)) if "shared" in flags else memory
            self.running_mean, self.running_var = self.shared
            if flags.get("shared") == "anew":  # each new layer sets them back
                self.running_mean[:], self.running_var[:] = 0.0, start
            self.mode = self.common.setdefault("mode", Shared([True])) if "common_mode" in flags else [True]

        def train(self):
            self.training = self.training if "stays_in_eval" in flags else True
            self.mode[0] = self.training

        def eval(self):
            self.training = self.mode[0] = False

        def remember(self, x):
            step = update(memory, **{k: True for k in flags if k in ("turned", "root", "keepdims")})
            given = self.running_mean, self.running_var, x, self.momentum if momentum is None else momentum
            new = step(*given)
            if "shared" in flags:  # in place
                self.running_mean[:], self.running_var[:] = new
            else:
                self.running_mean, self.running_var = new

        def __call__(self, x):
            if "idle" in flags:
                return 1.0 * x
            self.training = self.training and self.mode[0]
            if self.training and len(x) < 2 and "one_row" not in flags:
                raise ValueError
            by_batch = self.training or "batch_in_eval" in flags
            if "memory_in_train" in flags:
                by_batch = by_batch and not self.training
            before = self.running_mean, self.running_var
            if (self.training and "never_updates" not in flags) or "updates_in_eval" in flags:
                self.remember(x)
            late = self.training or "updates_first" in flags
            kept = (self.running_mean, self.running_var) if late else before
            mean, var = (x.mean(axis=0), x.var(axis=0, ddof=output)) if by_batch else kept
            y = (x - mean) * (inverse if self.training else inverse_in_eval or inverse)(var, self.eps)
            plain = "plain" in flags or ("plain_in_eval" in flags and not self.training)
            return y if plain else self.weight * y + self.bias

    return BatchNorm


def both(**changes):
    """Return the function with a mistake, and the class that is built on it."""
    known = {"ddof": "memory"}
    return {"update_running": update(**changes), "BatchNorm": layer(**{known.get(k, k): v for k, v in changes.items()})}


def a(**changes):
    return {"BatchNorm": layer(**changes)}


RIGHT = both()
MISTAKES = {
    say("all layers share the same running statistics: they stand in the class or outside it, not in self"): [
        a(shared=1),
        a(shared="anew"),
    ],
    say("all layers share the same mode: eval() of one switches the others, too"): a(common_mode=1),
    say("the sum of squares is divided by N; torch stores the unbiased variance, where it is divided by N - 1"): both(
        ddof=0
    ),
    say("momentum is taken for the weight of the old value, as Keras has it"): both(turned=True),
    say("momentum is the weight of the old variance, but of the new mean"): {"update_running": update(turned="var")},
    say("the old mean is not multiplied by 1 - momentum"): {"update_running": update(fades=(0, 1))},
    say("the old variance is not multiplied by 1 - momentum"): {"update_running": update(fades=(1, 0))},
    say("the old values are not multiplied by 1 - momentum"): {"update_running": update(fades=(0, 0))},
    say("the standard deviation is kept, not the variance"): both(root=True),
    say("the variance comes first, and then the mean"): {"update_running": update(swapped=True)},
    say("the results have shape (1, D), as with keepdims=True, not (D,)"): both(keepdims=True),
    say("the layer normalizes with the unbiased variance, which is for the running variance only"): a(output=1),
    say("the layer normalizes with its running statistics, also in training"): a(memory_in_train=1),
    say("momentum is always 0.1, whatever is asked"): a(momentum=0.1),
    say("the running variance starts with 0"): a(start=0.0),
    say("the running statistics are never updated"): a(never_updates=1),
    say("x comes back as it is"): a(idle=1),
    say("evaluation uses the statistics of its batch"): a(batch_in_eval=1),
    say("evaluation updates the running statistics"): [a(updates_in_eval=1), a(updates_in_eval=1, memory=0)],
    say("evaluation first updates the running statistics, and then uses them"): [
        a(updates_in_eval=1, updates_first=1),
        a(updates_in_eval=1, updates_first=1, memory=0),
    ],
    say("weight and bias are not used in evaluation"): a(plain_in_eval=1),
    say("evaluation divides by the variance, not by its root"): a(inverse_in_eval=lambda var, eps: 1 / (var + eps)),
    say("weight and bias are never used"): a(plain=1),
    say("a new layer is in evaluation mode"): a(starts_in_eval=1),
    say("train() does not leave evaluation mode"): a(stays_in_eval=1),
    say("one row is not refused"): a(one_row=1),
    say("eps stands beside the root, not under it"): a(inverse=lambda var, eps: 1 / (np.sqrt(var) + eps)),
    say("eps is left out, or is always 1e-5"): a(inverse=lambda var, eps: (var + 1e-5) ** -0.5),
    say("you divide by the variance, not by its root"): a(inverse=lambda var, eps: 1 / (var + eps)),
    say("weight and bias are not used in evaluation, which divides by the variance, not by its root"): a(
        plain_in_eval=1, inverse_in_eval=lambda var, eps: 1 / (var + eps)
    ),
}
BATCH = "x = np.array([[1.0, 20.0], [3.0, 24.0], [8.0, 25.0]])\n"
LESSONS = {
    "state-momentum": Lesson(
        say(
            "momentum is the weight of the new batch, 1 - momentum that of the old value; both arrays have shape (D,)."
        ),
        "moving-average",
        "x = np.tile([[2.0], [8.0]], (5000, 1))  # mean 5, variance 9\n"
        "update_running(np.array([1.0]), np.array([4.0]), x, 0.25)",
    ),
    "state-unbiased": Lesson(
        say("The running variance takes the unbiased variance, where the sum of squares is divided by N - 1."),
        "which-variance",
        BATCH + "update_running(np.zeros(2), np.zeros(2), x, 0.5)",
    ),
    "state-arguments": Lesson(
        say("The arguments stay as they are, and integers and float32 give floats, in the function and in the layer."),
        "formula-arguments",
        BATCH + "mean, var = np.zeros(2), np.ones(2)\nupdate_running(mean, var, x, 0.5)\n"
        "whole = x.astype(int)\nBatchNorm(2)(x)\n"
        "mean, var, x, update_running(mean, var, whole, 0.5), BatchNorm(2)(whole)",
    ),
    "state-training": Lesson(
        say("In training, the mean and the biased variance of the batch normalize."),
        "which-variance",
        BATCH + "BatchNorm(2)(x)",
    ),
    "state-update": Lesson(
        say("Each call in training updates the running statistics once, with the momentum of the layer."),
        "moving-average",
        BATCH + "layer = BatchNorm(2, 1e-5, 0.5)\nlayer(x)\nlayer.running_mean, layer.running_var",
    ),
    "state-evaluation": Lesson(
        say("In evaluation the running statistics normalize, for any number of rows, and stay as they are."),
        "inference",
        "layer = BatchNorm(1)\nlayer.running_mean, layer.running_var = np.array([1.0]), np.array([4.0])\nlayer.eval()\n"
        "layer(np.array([[5.0], [9.0]])), layer(np.array([[5.0]])), layer.running_mean",
    ),
    "state-modes": Lesson(
        say("A new layer is in training mode, and train() leads back there from evaluation."),
        "switches",
        BATCH + "layer = BatchNorm(2)\nnew = layer(x)\nlayer.eval()\nlayer.train()\nnew, layer(x), layer.running_mean",
    ),
    "state-one-row": Lesson(
        say("In training, a batch of one row raises ValueError."), "clinic-13", "BatchNorm(2)(np.array([[7.0, 1.0]]))"
    ),
    "state-instances": Lesson(
        say("Two layers share nothing, even if they have the same size."),
        "moving-average",
        BATCH
        + "first = BatchNorm(2)\ny = first(x)\nkept = first.running_mean.copy()\nsecond = BatchNorm(2)\nsecond.eval()\n"
        "# is the second new, is the first as it was, and is it still in training mode?\n"
        "bool((second.running_mean == 0).all()), np.array_equal(first.running_mean, kept), np.allclose(first(x), y)",
        more=BATCH + "layer = BatchNorm(2)\nlayer(x), layer.running_mean",
    ),
    "state-parameters": Lesson(
        say("weight and bias, which may be set, are used in both modes, and eps stands under the root."),
        "inference",
        "layer = BatchNorm(1, 5.0)  # eps is 5\nlayer.weight, layer.bias = np.array([6.0]), np.array([100.0])\n"
        "x = np.array([[1.0], [5.0]])  # variance 4\ntrained = layer(x)\nlayer.eval()\n"
        "layer.running_mean, layer.running_var = np.array([3.0]), np.array([4.0])\ntrained, layer(x)",
    ),
}
