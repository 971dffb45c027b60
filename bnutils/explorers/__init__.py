"""Explorers: interactive figures that need no kernel, one function each.

A cell calls one of the functions and shows what it returns, which is a custom element with its script. It works in
JupyterLab and in the built page, without a network and from a file. Without JavaScript and in print, a sentence and a
figure of the same start stand in its place. The element's property ``state`` holds all of its numbers. On a web page
the address holds what the reader has changed, so one can send a view: ``04_identity.html#explore-undo?gamma=3&m=2``.
"""

import html
import io
import json
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from bnutils.functional import batch_norm, batch_statistics, identity_parameters
from bnutils.layers import BatchNorm
from bnutils.plotting import COLOR, INK, STYLE, draw_theory, write

__all__ = ["explore_batch", "explore_linear", "explore_running", "explore_undo"]
HERE = Path(__file__).parent


def say(words, *values):
    """Return words that a reader sees, with values in place of {0} and {1}.

    The Chinese edition finds the words by this call, as in the scripts.
    """
    return words.format(*values)


class Explorer:
    """What a cell shows: the element <bn-NAME> with its data and its script, and what a reader without scripts sees.

    Parameters
    ----------
    name : str
        The file NAME.js beside this one.
    data : dict
        Given to the element as JSON. Its ``start`` holds the values at the start.
    sentence, alt : str
        What there is to see, and what the figure shows, for readers without JavaScript.
    figure : Figure
        The figure of the start. Its ink becomes that of the page.
    """

    def __init__(self, name, data, sentence, figure, alt):
        self.name, self.data, self.sentence, self.figure, self.alt = name, data, sentence, figure, alt

    def __repr__(self):
        return f"Explorer({self.name!r}): {self.sentence}"

    def _repr_html_(self):
        script = "".join((HERE / name).read_text("utf8") for name in ["shared.js", f"{self.name}.js"])
        script = re.sub(r"^\s*(//.*)?\n?|[ \t]+//[ \t].*", "", script, flags=re.M)  # neither comments nor indentation
        data = "".join(f' data-{key}="{html.escape(json.dumps(value))}"' for key, value in self.data.items())
        colors = ";".join(f"--{key}:{value}" for key, value in COLOR.items())
        movable = say("(In the online book, with JavaScript, you can move this figure.)")
        return (
            f'<bn-{self.name} id="explore-{self.name}" style="{colors}"{data}>\n'
            f"<p>{html.escape(self.sentence)} {movable}</p>\n"
            f"{to_svg(self.figure, self.alt)}\n</bn-{self.name}>\n"
            f"<script>(() => {{\n{script}}})();</script>"
        )


def new_figure(*arguments, **options):
    """Return a new figure in the book's style and its axes. Since pyplot does not know it, no cell shows it twice."""
    with mpl.rc_context(STYLE):
        figure = Figure(**options)
        return figure, figure.subplots(*arguments)


def to_svg(figure, alt):
    """Return a figure as an element of a page, with a name, in the ink and the letters of the page."""
    text = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue().partition("<svg")[2].replace(INK, "currentColor")
    return f'<svg role="img" aria-label="{html.escape(alt)}" style="max-width:100%;height:auto"{svg}'


def draw_lines(ax, rows, names, colors):
    """Draw number lines below each other, and join the values of each sample."""
    heights = range(len(rows) - 1, -1, -1)
    for sample in np.array(rows).T:
        ax.plot(sample, heights, color=INK, linewidth=1, alpha=0.5)
    for height, row, name, color in zip(heights, rows, names, colors, strict=True):
        ax.axhline(height, color=INK, linewidth=0.6)
        ax.plot(row, [height] * len(row), "o", color=COLOR[color])
        write(ax, 20, height, name, color, offset=(0, 9), ha="right")
    ax.set(xlim=(-4, 20), yticks=[], ylim=(-0.3, len(rows) - 0.5))
    ax.spines["left"].set_visible(False)


def explore_batch(z=(7.0, 1, 15, 9, 4, -3, 22, 12), m=4):
    """Show one batch: eight values of one feature, which the reader moves and takes into the batch or leaves out.

    Three number lines show z, ẑ and y = γ ẑ + β. When the reader drags one value, all normalized values move. The
    reader also sets γ, β and ε, and reads the mean, the *biased* variance and the standard deviation of z, ẑ and y, and
    the bound √(m − 1), which no |ẑ| reaches.

    Parameters
    ----------
    z : array_like, shape (N,)
        The values at the start, between -4 and 20 where they are in the batch.
    m : int
        How many of them, counted from the first, are in the batch.

    Returns
    -------
    Explorer
        Starts with γ = 1, β = 0 and ε = 1e-5, and unless told otherwise with the numbers 7, 1, 15 and 9 of the chapter.

    Raises
    ------
    ValueError
        If ``m`` is not between 1 and N.
    """
    z = np.array(z, dtype=float)
    if not 1 <= m <= len(z):
        raise ValueError(f"m must be from 1 to {len(z)}, the number of values in z, got {m!r}")
    batch = z[:m]
    y = batch_norm(batch[:, None], training=True)[:, 0]
    figure, ax = new_figure(figsize=(4.8, 2.6))
    draw_lines(ax, [batch, y, y], ["input z", "normalized ẑ", "output y"], ["plain", "batch", "batch"])
    values = ", ".join(f"{value:g}" for value in batch[:-1])
    return Explorer(
        "batch",
        {"start": {"z": z.tolist(), "inside": [k < m for k in range(len(z))], "gamma": 1, "beta": 0, "eps": 1e-5}},
        say(
            "A batch of the values {0} and {1} has mean {2} and standard deviation {3}, and BatchNorm takes both out.",
            *(values, f"{batch[-1]:g}", f"{batch.mean():.3g}", f"{batch.std():.3g}"),
        ),
        figure,
        say("Three number lines with the values of the batch, their normalized values near zero, and the outputs."),
    )


def explore_running():
    """Show running statistics: how they follow up to 80 batches of one feature.

    The reader sets the momentum α of torch (in Keras it is 1 − α), the number of batches, the number m of values in
    each, a drift of the data, and the initial values. Two plots compare the running mean, and the running variance,
    which averages the *unbiased* variances, with the truth. A third one shows the newest batch in training mode and in
    evaluation mode.

    Returns
    -------
    Explorer
        Starts with α = 0.1 after 20 batches of 8 values, whose true mean is 5 and true variance 4, without drift.
    """
    noise = np.random.default_rng(0).standard_normal((80, 32)).round(2)
    batches = 5 + 2 * noise[:, :8]
    layer = BatchNorm(1)
    path = [(0.0, 1.0)]
    for batch in batches[:20]:
        layer(batch[:, None])
        path.append((layer.running_mean[0], layer.running_var[0]))
    figure, axes = new_figure(1, 2, figsize=(4.8, 2.4))
    seen = batches[:20].mean(axis=1), batches[:20].var(axis=1, ddof=1)
    for ax, title, truth, dots, line in zip(axes, ["mean", "variance"], [5, 4], seen, np.transpose(path), strict=True):
        ax.plot(range(1, 21), dots, ".", color=COLOR["batch"])
        draw_theory(ax, [0, 20], [truth, truth])
        ax.plot(line, color=COLOR["running"])
        ax.set(title=title, xlabel="number of the batch", xticks=[0, 10, 20])
    start = {"alpha": 0.1, "t": 20, "m": 8, "drift": 0, "mean_0": 0, "var_0": 1}
    return Explorer(
        "running",
        {"start": start, "noise": noise.tolist()},
        say(
            "Each dot is a batch. With momentum 0.1 the running mean, drawn as a line, has come near the dashed truth."
        ),
        figure,
        say(
            "Two plots over 20 batches. "
            "The running mean rises from 0 to above 4, the running variance from 1 to below 3."
        ),
    )


def explore_undo():
    """Show how γ and β undo the normalization of one batch, and what they do to another batch.

    The loss is the mean squared error on 64 days. In the plane of γ and β, the reader drags a point or takes steps of
    gradient descent with any learning rate. Then the same γ and β meet another batch of m days. Its error, as a
    fraction of the variance, stands beside the mean over 40 such batches and the rule 1.5 / m.

    Returns
    -------
    Explorer
        Starts at γ = 1 and β = 0, with learning rate 0.1 and other batches of 8 days.
    """
    z = 6 + 3 * np.random.default_rng(0).standard_normal(64)
    noise = np.random.default_rng(1).standard_normal((40, 64)).round(2)
    goal = np.ravel(identity_parameters(*batch_statistics(z[:, None]), 1e-5))
    figure, ax = new_figure(figsize=(4, 3.6))
    angle = np.linspace(0, 2 * np.pi, 73)
    for radius in range(1, 9):
        ax.plot(goal[0] + radius * np.cos(angle), goal[1] + radius * np.sin(angle), color=INK, linewidth=0.8, alpha=0.4)
    ax.plot(*goal, "+", color=INK, markersize=12)
    ax.plot(1, 0, "o", color=COLOR["batch"])
    write(ax, 1, 0, "start", "batch")
    write(ax, *goal, "goal", INK)
    ax.set(aspect="equal", xlim=(-4, 10), ylim=(-2, 12), xlabel="γ in °C", ylabel="β in °C")
    return Explorer(
        "undo",
        {"start": {"gamma": 1, "beta": 0, "lr": 0.1, "m": 8, "other": 1}, "z": z.tolist(), "noise": noise.tolist()},
        say("The contours of the loss are circles around the goal γ = √(σ² + ε), β = μ. We start from γ = 1, β = 0."),
        figure,
        say("Circles around the goal, and a point at gamma 1 and beta 0, where gradient descent starts."),
    )


def explore_linear():
    """Show Linear and BatchNorm side by side: what they make of a cloud of points and of a square around its middle.

    For Linear, the reader drags the two columns of its matrix or chooses a rotation by an angle θ. For BatchNorm, the
    reader drags a corner of the square, which sets γ. The cloud can be correlated. The explorer tells the correlations,
    and the fraction of Linear's output that BatchNorm misses with these γ and β, and with the best ones. For a rotation
    of a white cloud the latter is sin²θ.

    Returns
    -------
    Explorer
        Starts with a rotation by 45 degrees, γ = 1, β = 0 and a white cloud.
    """
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 3)) * [0, 1, 1] + [1, 0, 0])
    white = q[:, 1:] * np.sqrt(60)  # orthogonal to the column of ones: mean 0; length √60: variance 1
    c = np.sqrt(0.5)
    figure, axes = new_figure(1, 2, figsize=(4.8, 2.6))
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    rotation = np.array([[c, -c], [c, c]])
    for ax, title, color, W in zip(
        axes, ["Linear", "BatchNorm"], ["linear", "batch"], [rotation, np.eye(2)], strict=True
    ):
        ax.plot(*(white @ W.T).T, ".", color=COLOR[color], alpha=0.6)
        ax.plot(*(square @ W.T).T, color=COLOR[color])
        ax.set(title=title, aspect="equal", xlim=(-3, 3), ylim=(-3, 3), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        ax.set(xlabel="y₁", ylabel="y₂")
    start = {"theta": 45, "w11": c, "w12": -c, "w21": c, "w22": c}
    start |= {"gamma1": 1, "gamma2": 1, "beta1": 0, "beta2": 0, "corr": 0}
    return Explorer(
        "linear",
        {"start": start, "white": white.tolist()},
        say(
            "A cloud of points with a square in its middle, after Linear, which rotates it by 45°, and after BatchNorm."
        ),
        figure,
        say(
            "Two plots of one cloud with a square. Linear has rotated both by 45 degrees. BatchNorm has moved nothing."
        ),
    )
