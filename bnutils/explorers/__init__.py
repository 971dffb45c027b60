"""Explorers: interactive figures that need no kernel, one function each.

A cell calls one of the functions, and shows what it returns: a custom element with its script, which works in
JupyterLab, in the built page, without a network and from a file. Without JavaScript, and in print, a sentence and a
figure of the same start state stand there. The element's property ``state`` holds all of its numbers.
"""

import html
import io
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from bnutils.functional import batch_norm, batch_statistics, identity_parameters
from bnutils.layers import BatchNorm
from bnutils.plotting import COLOR, INK, STYLE, draw_theory, write

__all__ = ["explore_batch", "explore_linear", "explore_running", "explore_undo"]
HERE = Path(__file__).parent


class Explorer:
    """What a cell shows: the element <bn-NAME> with its data and its script, and what stands there without script.

    Parameters
    ----------
    name : str
        The file NAME.js beside this one.
    data : dict
        Given to the element as JSON; ``start`` holds the state at the start.
    sentence, alt : str
        What is to be seen, and what the figure shows, for readers without JavaScript.
    figure : Figure
        Of the start state; its ink becomes that of the page.
    """

    def __init__(self, name, data, sentence, figure, alt):
        self.name, self.data, self.sentence, self.figure, self.alt = name, data, sentence, figure, alt

    def __repr__(self):
        return f"Explorer({self.name!r}): {self.sentence}"

    def _repr_html_(self):
        script = "".join((HERE / name).read_text("utf8") for name in ["shared.js", f"{self.name}.js"])
        data = "".join(f' data-{key}="{html.escape(json.dumps(value))}"' for key, value in self.data.items())
        colors = ";".join(f"--{key}:{value}" for key, value in COLOR.items())
        return (
            f'<bn-{self.name} style="{colors}"{data}>\n'
            f"<p>{html.escape(self.sentence)} (On the web page, with JavaScript on, this figure can be moved.)</p>\n"
            f"{to_svg(self.figure, self.alt)}\n</bn-{self.name}>\n"
            f"<script>(() => {{\n{script}}})();</script>"
        )


def new_figure(*arguments, **options):
    """Return a new figure in the book's style, and its axes; pyplot does not know of it, so no cell shows it twice."""
    with mpl.rc_context(STYLE):
        figure = Figure(**options)
        return figure, figure.subplots(*arguments)


def to_svg(figure, alt):
    """Return a figure as an element of a page: it has a name, takes the ink of the page, and leaves letters to it."""
    text = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue().partition("<svg")[2].replace(INK, "currentColor")
    return f'<svg role="img" aria-label="{html.escape(alt)}" style="max-width:100%;height:auto"{svg}'


def draw_lines(ax, rows, names, colors):
    """Draw number lines below each other, and join what becomes of each sample."""
    heights = range(len(rows) - 1, -1, -1)
    for sample in np.array(rows).T:
        ax.plot(sample, heights, color=INK, linewidth=1, alpha=0.5)
    for height, row, name, color in zip(heights, rows, names, colors, strict=True):
        ax.axhline(height, color=INK, linewidth=0.6)
        ax.plot(row, [height] * len(row), "o", color=COLOR[color])
        write(ax, 20, height, name, color, offset=(0, 9), ha="right")
    ax.set(xlim=(-4, 20), yticks=[], ylim=(-0.3, len(rows) - 0.5))
    ax.spines["left"].set_visible(False)


def explore_batch():
    """Show one batch: eight samples of one unit, of which the reader takes some into the batch, and moves them.

    Three number lines show z, ẑ and y = γ ẑ + β; drag one sample, and all normalized values move. The reader sets γ, β
    and ε, and reads the mean, the *biased* variance and the standard deviation of z, ẑ and y, and √(m − 1), which
    no |ẑ| reaches.

    Returns
    -------
    Explorer
        Starts with the four numbers 7, 1, 15 and 9 of the chapter as the batch, γ = 1, β = 0 and ε = 1e-5.
    """
    z = np.array([7.0, 1, 15, 9, 4, -3, 22, 12])
    inside = [True] * 4 + [False] * 4
    y = batch_norm(z[:4, None], training=True)[:, 0]
    figure, ax = new_figure(figsize=(6, 2.6))
    draw_lines(ax, [z[:4], y, y], ["input z", "normalized ẑ", "output y"], ["plain", "batch", "batch"])
    return Explorer(
        "batch",
        {"start": {"z": z.tolist(), "inside": inside, "gamma": 1, "beta": 0, "log_eps": -5}},
        "A batch of four samples, 7, 1, 15 and 9, has mean 8 and standard deviation 5; BatchNorm takes both out.",
        figure,
        "Three number lines: the four samples of the batch, their normalized values near zero, and the outputs.",
    )


def explore_running():
    """Show running statistics: 80 batches of a unit, and what the layer remembers of them.

    The reader sets the momentum (torch's, or Keras', which is 1 minus it), the start, the batch size and a drift of
    the data, and walks through the batches. Two plots show running mean and running variance, which averages the
    *unbiased* variances, against the truth; a third one the last batch in training and in evaluation mode.

    Returns
    -------
    Explorer
        Starts with torch's momentum 0.1 after 20 batches of 8, with true mean 5 and variance 4, and without drift.
    """
    noise = np.random.default_rng(0).standard_normal((80, 32)).round(2)
    batches = 5 + 2 * noise[:, :8]
    layer = BatchNorm(1)
    path = [(0.0, 1.0)]
    for batch in batches[:20]:
        layer(batch[:, None])
        path.append((layer.running_mean[0], layer.running_var[0]))
    figure, axes = new_figure(1, 2, figsize=(6.4, 2.6))
    seen = batches[:20].mean(axis=1), batches[:20].var(axis=1, ddof=1)
    for ax, title, truth, dots, line in zip(axes, ["mean", "variance"], [5, 4], seen, np.transpose(path), strict=True):
        ax.plot(range(1, 21), dots, ".", color=COLOR["batch"])
        draw_theory(ax, [0, 20], [truth, truth])
        ax.plot(line, color=COLOR["running"])
        ax.set(title=title, xlabel="batches", xticks=[0, 10, 20])
    start = {"alpha": 0.1, "keras": 0.9, "mean_0": 0, "var_0": 1, "t": 20, "size": 8, "drift": 0}
    return Explorer(
        "running",
        {"start": start, "noise": noise.tolist()},
        "After 20 batches (dots) with momentum 0.1, the running mean, a line, has come near the truth, dashed.",
        figure,
        "Two plots over 20 batches: the running mean rises from 0 to 5 and the running variance from 1 to about 4.",
    )


def explore_undo():
    """Show how γ and β undo the normalization: a point on the contours of the loss, and another batch.

    The reader drags the point or takes steps of gradient descent, with any learning rate, on the 64 days of the
    chapter. Then the same γ and β meet another batch of m days; the error, as a share of the variance, stands beside
    the average over 40 batches and beside 1.5 / m.

    Returns
    -------
    Explorer
        Starts at γ = 1, β = 0, with learning rate 0.1 and other batches of 8.
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
        {"start": {"gamma": 1, "beta": 0, "lr": 0.1, "size": 8, "other": 1}, "z": z.tolist(), "noise": noise.tolist()},
        "The contours of the loss are circles around the goal: γ = √(σ² + ε), β = μ. Descent starts at γ = 1, β = 0.",
        figure,
        "Circles around the goal, with a point at gamma 1, beta 0, where gradient descent starts.",
    )


def explore_linear():
    """Show Linear and BatchNorm side by side: a cloud of two features under a 2 × 2 matrix, and under γ and β.

    The reader drags the two arrows of the matrix or turns it by an angle θ, and the corner of BatchNorm's frame.
    Tables show the correlations, and the share of Linear's output that BatchNorm misses, with these γ and β and with
    the best ones. For a turn of a white cloud that is sin²θ; the cloud can be made correlated, too.

    Returns
    -------
    Explorer
        Starts with a turn by 45 degrees, γ = 1, β = 0 and a white cloud.
    """
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 3)) * [0, 1, 1] + [1, 0, 0])
    white = q[:, 1:] * np.sqrt(60)  # orthogonal to the column of ones: mean 0; length √60: variance 1
    c = np.sqrt(0.5)
    figure, axes = new_figure(1, 2, figsize=(6, 3))
    frame = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
    turn = np.array([[c, -c], [c, c]])
    for ax, title, color, W in zip(axes, ["Linear", "BatchNorm"], ["linear", "batch"], [turn, np.eye(2)], strict=True):
        ax.plot(*(white @ W.T).T, ".", color=COLOR[color], alpha=0.6)
        ax.plot(*(frame @ W.T).T, color=COLOR[color])
        ax.set(title=title, aspect="equal", xlim=(-3, 3), ylim=(-3, 3), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    start = {"theta": 45, "w11": c, "w12": -c, "w21": c, "w22": c}
    start |= {"gamma1": 1, "gamma2": 1, "beta1": 0, "beta2": 0, "rho": 0}
    return Explorer(
        "linear",
        {"start": start, "white": white.tolist()},
        "A cloud and its frame: Linear turns both by 45 degrees; under BatchNorm the frame stays upright.",
        figure,
        "Two plots of one cloud of points: after Linear, its square frame stands on a corner; after BatchNorm, level.",
    )
