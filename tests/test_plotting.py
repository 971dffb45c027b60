import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from bnutils.plotting import COLOR, INK, draw_band, draw_theory, use_style, write


@pytest.fixture
def ax():
    with mpl.rc_context():
        mpl.use("svg")
        use_style()
        fig, ax = plt.subplots()
        yield ax
        plt.close(fig)


def luminance(color):
    """Relative luminance, from 0 for black to 1 for white (WCAG 2)."""
    rgb = np.array(to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("name", COLOR)
def test_each_colour_stands_out_on_white_and_on_the_dark_page(name):
    on_white = 1.05 / (luminance(COLOR[name]) + 0.05)
    on_dark = (luminance(COLOR[name]) + 0.05) / (luminance("#121212") + 0.05)
    assert min(on_white, on_dark) >= 3  # what WCAG 2 asks of graphics


def svg():
    fig, ax = plt.subplots()
    draw_band(ax, [0, 1], [[0, 1], [1, 2]], "batch", label="two runs")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(fig)
    return buffer.getvalue().decode()


@pytest.mark.usefixtures("ax")
def test_the_same_figure_gives_the_same_bytes_and_has_no_black_and_no_white():
    text = svg()
    assert text == svg()
    assert "#000000" not in text
    assert "#ffffff" not in text
    assert INK in text


def test_a_band_spans_the_runs_and_its_line_is_their_mean(ax):
    draw_band(ax, [0, 1, 2], [[0, 1, 2], [2, 3, 7]], "running", label="seeds", linestyle="--", marker="o")
    assert ax.lines[0].get_ydata().tolist() == [1, 2, 4.5]
    assert ax.lines[0].get_color() == COLOR["running"]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 0
    assert band[:, 1].max() == 7
    assert ax.texts[0].get_text() == "seeds"
    assert ax.texts[0].xy == (2, 4.5)


def test_runs_of_another_shape_are_refused(ax):
    with pytest.raises(ValueError, match=r"runs must have shape \(runs, 3\), got \(2, 2\)"):
        draw_band(ax, [0, 1, 2], [[0, 1], [2, 3]], "running")


def test_theory_is_dashed_ink(ax):
    draw_theory(ax, [0, 1], [2, 3], label="theory")
    assert ax.lines[0].get_color() == INK
    assert ax.lines[0].is_dashed()
    assert ax.texts[0].get_color() == INK


def test_text_takes_a_name_or_a_colour(ax):
    write(ax, 0, 0, "a", "wrong")
    write(ax, 0, 0, "b", "#123456")
    assert [text.get_color() for text in ax.texts] == [COLOR["wrong"], "#123456"]
