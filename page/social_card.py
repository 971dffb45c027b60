"""The picture that messengers and networks show beside a link to the book."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from bnutils.plotting import COLOR

SIZE = 1200, 630  # px


def draw_card(path, title, claim):
    """Draw the card, a PNG of 1200 x 630 px: a wide bell curve becomes a narrow one, beside the title and a claim."""
    with mpl.rc_context(mpl.rcParamsDefault):
        fig = Figure(figsize=(SIZE[0] / 100, SIZE[1] / 100), dpi=100, facecolor="#14181e")
        ax = fig.add_axes((0, 0, 1, 0.62))
        ax.set(xlim=(-10, 10), ylim=(0, 1.25))
        ax.axis("off")
        x = np.linspace(-10, 10, 800)
        for mean, spread, color in [(3.4, 2.6, "plain"), (-2.6, 0.85, "batch")]:
            bell = np.exp(-((x - mean) ** 2) / (2 * spread**2)) * min(1, 1.1 / spread)
            ax.fill_between(x, bell, color=COLOR[color], alpha=0.18, linewidth=0)
            ax.plot(x, bell, color=COLOR[color], linewidth=6)
        arrow = {"arrowstyle": "-|>,head_width=0.5,head_length=0.8", "color": "#d6dbe1", "linewidth": 3}
        ax.annotate("", (-1.2, 0.62), (1.6, 0.5), arrowprops=arrow | {"connectionstyle": "arc3,rad=0.25"})
        fig.text(0.06, 0.86, title, color="#ffffff", fontsize=58, fontweight="bold", va="center")
        fig.text(0.062, 0.72, claim, color="#d6dbe1", fontsize=27, va="center")
        fig.savefig(path, metadata={"Software": None})
