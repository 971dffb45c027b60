"""How the figures of the book look, and the drawing helpers that two chapters share."""

import matplotlib as mpl
import numpy as np

INK = "#7a7f87"  # text and axes: readable on white and on black; page/ replaces it by the page's own ink
COLOR = {  # one colour for one thing, through the whole book; lines differ in style too
    "batch": "#2e86c9",  # batch norm with batch statistics, as in training mode
    "running": "#d9731a",  # batch norm with running statistics, as in evaluation mode
    "recalibrated": "#1a9273",  # running statistics computed anew
    "linear": "#9a6cd0",  # a Linear layer
    "wrong": "#d8495d",  # a wrong formula
    "layer": "#b45f9a",  # layer norm
    "group": "#7f8a1f",  # group norm
    "plain": "#8d8a7e",  # without batch norm, or the input itself
}
STYLE = {  # of the figures, for matplotlib's rcParams
    "figure.figsize": (5.2, 3.4),  # labels of 11 points have 10 pixels on a phone of 390
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2.0,
    "svg.hashsalt": "bnutils",  # the same figure gives the same bytes
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
}


def use_style():
    """Set matplotlib to the book's style: SVG, transparent, one ink; in a notebook, the inline figures too."""
    mpl.rcParams.update(mpl.rcParamsDefault | {"backend": mpl.rcParams["backend"]} | STYLE)
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # matplotlib without Jupyter
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None})


def draw_band(ax, x, runs, color, label=None, linestyle="-", marker=""):
    """Draw the mean of several runs as a line, and their range from smallest to largest as a band.

    Parameters
    ----------
    ax : Axes
    x : array_like, shape (P,)
    runs : array_like, shape (R, P)
        One row for each run (seed).
    color : str
        A key of ``COLOR``, or a colour.
    label : str, optional
        Written at the right end of the line.
    linestyle, marker : str
        As in ``ax.plot``; lines differ in more than their colour.

    Raises
    ------
    ValueError
        If ``runs`` is not of shape (R, P).
    """
    x, runs = np.asarray(x), np.asarray(runs)
    if runs.shape != (len(runs), *x.shape):
        raise ValueError(f"runs must have shape (runs, {len(x)}), got {runs.shape}")
    mean, ink = runs.mean(axis=0), COLOR.get(color, color)
    ax.fill_between(x, runs.min(axis=0), runs.max(axis=0), color=ink, alpha=0.2, linewidth=0)
    ax.plot(x, mean, color=ink, linestyle=linestyle, marker=marker)
    if label is not None:
        write(ax, x[-1], mean[-1], label, color)


def draw_theory(ax, x, y, label=None):
    """Draw what a formula predicts: a dashed line in the ink of the page, with ``label`` at its right end."""
    ax.plot(x, y, color=INK, linestyle=(0, (4, 3)), linewidth=1.4)
    if label is not None:
        write(ax, x[-1], y[-1], label, INK)


def write(ax, x, y, text, color, offset=(6, 0), ha="left", va="center"):
    """Write ``text`` ``offset`` points beside the data point (x, y), in ``color``: a key of ``COLOR`` or a colour."""
    color = COLOR.get(color, color)
    ax.annotate(text, (x, y), xytext=offset, textcoords="offset points", color=color, ha=ha, va=va)
