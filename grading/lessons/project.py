"""What is told about the concepts of the assignment Project: without examples, as networks do not fit in."""

from grading.lessons import Lesson
from grading.words import say

RIGHT, MISTAKES = {}, {}
LESSONS = {
    "project-shape": Lesson(
        say("The network takes photos of shape (N, 28, 28) as they are, and lays them flat itself."), "pytorch-network"
    ),
    "project-widths": Lesson(say("The Linear layers go 784, 128, 128, 128, 64, 10."), "pytorch-network"),
    "project-norms": Lesson(
        say("There is a BatchNorm after each Linear but the last, of as many features."), "pytorch-network"
    ),
    "project-bias": Lesson(say("A Linear before a BatchNorm has no bias, the last Linear has one."), "linear-bias"),
    "project-forward": Lesson(
        say("Linear, BatchNorm with torch's defaults, ReLU, four times, then the last Linear."), "pytorch-network"
    ),
    "project-count": Lesson(
        say("count_parameters counts what the optimizer trains, and no running statistics, as an int."),
        "pytorch-buffers",
    ),
    "project-training-mode": Lesson(
        say("train_epoch switches to training mode itself, whatever the mode was."), "clinic-04"
    ),
    "project-step": Lesson(
        say("Each batch is one step of plain SGD on its mean cross-entropy; no gradient is left over."),
        "pytorch-checklist",
    ),
    "project-batches": Lesson(
        say("Batches have 128 photos, in the given order, and a remainder is left out."), "pytorch-one"
    ),
    "project-accuracy": Lesson(
        say("accuracy is the fraction of photos whose largest logit belongs to the label."), "pytorch-switches"
    ),
    "project-evaluation-mode": Lesson(
        say("accuracy measures in evaluation mode, changes nothing, and takes a single photo, too."), "switches"
    ),
    "project-mode-kept": Lesson(say("accuracy leaves the network in the mode in which it was."), "pytorch-switches"),
}
