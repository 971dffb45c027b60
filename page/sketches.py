"""The pictures with which chapters open: each asks what its chapter answers, and gives nothing away."""

import matplotlib as mpl
import numpy as np
from figures import fit_into_page
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from bnutils.data import load_fashion_mnist
from bnutils.plotting import COLOR, INK, STYLE

WIDE, HIGH = 44, 16  # units of the drawing, of a tenth of an inch
FOUR = np.array([7.0, 1, 15, 9])  # the batch of chapter 2


# What several pictures share.


def ask(ax, x, y, size=17):
    """Write a question mark."""
    ax.text(x, y, "?", ha="center", va="center", fontsize=size, fontweight="bold")


def arrow(ax, start, end, **look):
    """Draw an arrow."""
    usual = {"arrowstyle": "-|>", "mutation_scale": 12, "color": INK, "linewidth": 1.3}
    ax.annotate("", end, start, arrowprops=usual | {"shrinkA": 0, "shrinkB": 0} | look)


def box(ax, x, y, width, height, color=INK, **look):
    """Draw a box with round corners, whose middle is at x and y."""
    corner = x - width / 2, y - height / 2
    usual = {"boxstyle": "round,pad=0,rounding_size=0.5", "facecolor": "none", "linewidth": 1.3}
    ax.add_patch(FancyBboxPatch(corner, width, height, edgecolor=color, **usual | look))


def bell(ax, middle, spread, height, color, foot=4):
    """Draw a bell curve that stands on a line."""
    x = np.linspace(middle - 3 * spread, middle + 3 * spread, 40)
    y = foot + height * np.exp(-((x - middle) ** 2) / (2 * spread**2))
    ax.fill_between(x, foot, y, color=COLOR[color], alpha=0.2, linewidth=0)
    ax.plot(x, y, color=COLOR[color])


def photo(ax, number, x, y, size):
    """Show one of the training images of Fashion-MNIST."""
    image = load_fashion_mnist("train")[0][number]
    half = size / 2
    ax.imshow(image, cmap="gray", interpolation="none", extent=(x - half, x + half, y - half, y + half), zorder=1)


def one_of_each():
    """Return the numbers of ten images, the first of each class."""
    labels = load_fashion_mnist("train")[1]
    return [int(np.flatnonzero(labels == k)[0]) for k in range(10)]


# The pictures.


def draw_why(ax):
    """A signal enters a row of layers."""
    x = np.linspace(1, 8, 90)
    ax.plot(x, 8 + 5 * np.sin(1.9 * x) * np.exp(-((x - 4.5) ** 2) / 9), color=COLOR["plain"])
    for k in range(8):
        box(ax, 11.5 + 3.2 * k, 8, 1.5, 11)
    arrow(ax, (8.3, 8), (10.4, 8))
    arrow(ax, (35.2, 8), (37.6, 8))
    ask(ax, 40.5, 8, 24)


def draw_formula(ax):
    """Four numbers go to four places that nobody knows."""
    x = 6 + 2 * FOUR
    for y in (12, 4.6):
        ax.plot([4, 40], [y, y], color=INK, linewidth=0.8)
    ax.plot(x, [12] * 4, "o", color=COLOR["plain"], markersize=8)
    for place, value, goal in zip(x, FOUR, [17.5, 8.5, 35, 26], strict=True):
        ax.text(place, 13.6, f"{value:g}", ha="center", fontsize=11)
        arrow(ax, (place, 11.2), (goal, 4.9), linewidth=0.9, linestyle=":")
        ask(ax, goal, 2.5, 14)


def draw_running(ax):
    """A batch of photos, and one photo alone."""
    numbers = one_of_each()
    for k in range(8):
        photo(ax, numbers[k], 5.5 + 5 * (k % 4), 11 - 5.4 * (k // 4), 4.6)
    box(ax, 13, 8.3, 21.5, 12.4)
    photo(ax, numbers[4], 31, 8.3, 6.4)
    box(ax, 31, 8.3, 7.6, 7.6)
    ask(ax, 39.5, 8.3, 24)


def draw_identity(ax):
    """The curve is normalized; is there a way back?"""
    for ends in [(1.5, 22.5), (27.5, 40.5)]:
        ax.plot(ends, [5.6, 5.6], color=INK, linewidth=0.8)
    bell(ax, 12, 3.3, 6, "plain", 5.6)
    bell(ax, 34, 1.5, 9.5, "batch", 5.6)
    arrow(ax, (20.5, 10.5), (28, 10.5), linewidth=1.8)
    arrow(ax, (34, 4.8), (12, 4.8), connectionstyle="arc3,rad=-0.16", linestyle="--")
    ask(ax, 23.5, 5.2, 17)


def draw_backward(ax):
    """A gradient arrives at one output of four."""
    x = 6 + 10.5 * np.arange(4)
    for start in x:
        for end in x:
            ax.plot([start, end], [10.4, 4.4], color=INK, linewidth=0.7, alpha=0.5)
    ax.plot(x, [10.4] * 4, "o", color=COLOR["batch"], markersize=9)
    arrow(ax, (x[2], 15.6), (x[2], 11.4), color=COLOR["wrong"], linewidth=2.4, mutation_scale=16)
    for place in x:
        ask(ax, place, 2.7, 15)


def draw_pytorch(ax):
    """What a layer keeps: which of these numbers change?"""
    rows = [["weight", "bias"], ["running_mean", "running_var"], ["num_batches_tracked"]]
    for y, names in zip([12.9, 8, 3.1], rows, strict=True):
        for k, name in enumerate(names):
            width = 19.5 if len(names) == 2 else 27
            middle = 22 + (k - (len(names) - 1) / 2) * 21
            box(ax, middle, y, width, 4)
            ax.text(middle - 1.4, y, name, ha="center", va="center", family="monospace", fontsize=10)
            ask(ax, middle + width / 2 - 1.7, y - 0.05, 12)


def draw_linear(ax):
    """One cloud with a square, and two layers."""
    points = np.random.default_rng(4).normal(0, 2.6, (60, 2)) + [9, 8]
    ax.plot(*points.T, "o", color=COLOR["plain"], markersize=2.5, alpha=0.7)
    corners = np.array([[-4, -4], [4, -4], [4, 4], [-4, 4], [-4, -4]]) + [9, 8]
    ax.plot(*corners.T, color=INK, linewidth=1.8)
    for y, name, color in [(12, "Linear", "linear"), (4, "BatchNorm", "batch")]:
        arrow(ax, (16, 8), (20.4, y))
        box(ax, 28, y, 14, 4.6, COLOR[color], facecolor=COLOR[color], alpha=0.18)
        ax.text(28, y, name, ha="center", va="center", fontsize=12)
        ask(ax, 39, y, 18)


def draw_hypotheses(ax):
    """Four explanations wait for a verdict."""
    x = np.linspace(0, 1, 40)
    for k in range(4):
        box(ax, 6.2 + 10.5 * k, 10, 9, 9.6)
        ask(ax, 6.2 + 10.5 * k, 2.5, 16)
    for middle, color in [(4.6, "plain"), (7.6, "batch")]:
        bell(ax, middle, 0.9, 5.5, color, 7)
    ax.plot(12.8 + 7.8 * x, 10 + 2.6 * np.sin(5 * x) + 0.9 * np.sin(40 * x), color=COLOR["plain"], linewidth=1.4)
    ax.bar(24 + 1.8 * np.arange(4), [1, 2, 3.6, 6], 1.1, 7, color=COLOR["batch"], alpha=0.7)
    for start, length in [(8, 1.5), (10, 3.5), (12, 5.5)]:
        arrow(ax, (34.4, start), (34.4 + length, start), color=COLOR["batch"], linewidth=1.6)


def draw_overfitting(ax):
    """The clerk's labels: three in ten are wrong."""
    for k, number in enumerate(one_of_each()):
        x, y = 6 + 8 * (k % 5), 11.8 - 7.6 * (k // 5)
        photo(ax, number, x, y, 6.6)
        if k in (1, 5, 8):
            ax.plot(x + 2.6, y - 2.4, "X", color=COLOR["wrong"], markersize=12, zorder=2)


def draw_practice(ax):
    """Batches of 32, 8, 2 and 1."""
    for left, columns, rows in [(3, 8, 4), (22.5, 4, 2), (33, 2, 1), (40.6, 1, 1)]:
        x, y = np.meshgrid(left + 2 * np.arange(columns), 8 + 2.4 * (np.arange(rows) - (rows - 1) / 2))
        ax.plot(x.ravel(), y.ravel(), "o", color=COLOR["batch"], markersize=7)
        box(ax, left + columns - 1, 8, 2 * columns + 1.2, 2.4 * rows + 1)
    ask(ax, 40.6, 12.3, 17)


def draw_clinic(ax):
    """It trains well, and then it fails."""
    x = np.linspace(0, 1, 60)
    ax.plot(3 + 25 * x, 2 + 11 * (1 - np.exp(-5 * x)), color=COLOR["batch"], linewidth=2.4)
    ax.plot([28, 31, 41], [12.9, 4, 3.4], color=COLOR["running"], linewidth=2.4)
    ax.plot([28, 28], [1, 15.4], "--", color=INK, linewidth=1)
    for place, name in [(13, "train()"), (35.5, "eval()")]:
        ax.text(place, 14.6, name, ha="center", va="center", family="monospace", fontsize=12)
    ask(ax, 36, 8.8, 22)


def draw_museum(ax):
    """Fifteen exhibits that differ a little."""
    vary = np.random.default_rng(3)
    for k in range(15):
        x, y = 4.8 + 8.6 * (k % 5), 12.4 - 5 * (k // 5)
        box(ax, x, y + 0.6, 7.4, 4.3, linewidth=1)
        shape = vary.uniform([-1, 0.5, 1.6], [1, 1.2, 3]) + [x, 0, 0]
        bell(ax, *shape, "plain" if k else "batch", y - 1)


SKETCHES = {
    "01_why": draw_why,
    "02_formula": draw_formula,
    "03_running_statistics": draw_running,
    "04_identity": draw_identity,
    "05_backward": draw_backward,
    "06_pytorch": draw_pytorch,
    "07_linear": draw_linear,
    "08_hypotheses": draw_hypotheses,
    "09_overfitting": draw_overfitting,
    "10_practice": draw_practice,
    "clinic": draw_clinic,
    "museum": draw_museum,
}


def draw_sketches(folder, names):
    """Draw the pictures with these names that a folder lacks, as SVG in the colours of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"figure.constrained_layout.use": False, "lines.solid_capstyle": "round"}
    with mpl.rc_context(mpl.rcParamsDefault | {"backend": mpl.rcParams["backend"]} | STYLE | options):
        for name in SKETCHES.keys() & names - {path.stem for path in folder.glob("*.svg")}:
            fig = Figure(figsize=(WIDE / 10, HIGH / 10))
            ax = fig.add_axes((0, 0, 1, 1))
            SKETCHES[name](ax)
            ax.set(xlim=(0, WIDE), ylim=(0, HIGH), aspect="equal")
            ax.axis("off")
            fig.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
    for path in folder.glob("*.svg"):
        path.write_text(fit_into_page(path.read_text("utf8")), "utf8")
