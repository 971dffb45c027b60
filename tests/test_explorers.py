"""The explorers in a real browser: every number that they show, against NumPy and torch, by keyboard and by drag."""

import gzip
import json
import re
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.nn import functional as F

from bnutils import explorers
from bnutils.explorers import explore_batch, explore_linear, explore_running, explore_undo

EXPLORERS = {"batch": explore_batch, "running": explore_running, "undo": explore_undo, "linear": explore_linear}
CHAPTERS = {"batch": "02_formula", "running": "03_running_statistics", "undo": "04_identity", "linear": "07_linear"}
FOLDER = ROOT / "bnutils/explorers"
EPS = 1e-5


@cache
def made(name):
    """Return an explorer, made once: its figure takes longer to draw than a test to run."""
    return EXPLORERS[name]()


def data_of(name, key):
    """Return what Python gives to an explorer."""
    return deepcopy(made(name).data[key])


# What the numbers must be: the inputs of a state go in, all that is computed from them comes out.


def correct_batch(at):
    z = np.array(at["z"])
    inside = np.array(at["inside"])
    batch, eps = z[inside], at["eps"]
    hat = (batch - batch.mean()) / np.sqrt(batch.var() + eps)
    found = {"m": len(batch), "mean": batch.mean(), "var": batch.var(), "std": batch.std()}
    found |= {"divisor": np.sqrt(batch.var() + eps), "largest": np.abs(hat).max(), "bound": np.sqrt(len(batch) - 1)}
    y = at["gamma"] * hat + at["beta"]
    for key, values in [("hat", hat), ("out", y)]:
        found |= {f"{key}.mean": values.mean(), f"{key}.var": values.var(), f"{key}.std": values.std()}
    for key, values in [("z_hat", hat), ("y", y)]:
        found |= {f"{key}.{i}": value for i, value in zip(np.flatnonzero(inside), values, strict=True)}
        found |= {f"{key}.{i}": None for i in np.flatnonzero(~inside)}
    return found


def correct_running(at):
    noise = torch.tensor(data_of("running", "noise"), dtype=torch.float64)
    layer = torch.nn.BatchNorm1d(1, momentum=at["alpha"]).double()
    layer.running_mean.fill_(at["mean_0"])
    layer.running_var.fill_(at["var_0"])
    for k in range(at["t"]):
        truth = 5 + at["drift"] * (k + 1)
        z = truth + 2 * noise[k, : at["m"], None]
        training = layer(z).detach()
    found = {"running.mean": layer.running_mean.item(), "running.var": layer.running_var.item()}
    for key, y in [("training", training), ("evaluation", layer.eval()(z).detach())]:
        found |= {f"{key}.mean": y.mean().item(), f"{key}.std": y.std(correction=0).item(), f"{key}.first": y[0].item()}
    found |= {"truth.mean": truth, "truth.var": 4, "batch.mean": z.mean().item()}
    found |= {"batch.biased": z.var(correction=0).item(), "batch.unbiased": z.var().item()}
    return found | {"weight": (1 - at["alpha"]) ** at["t"]}


def by_torch(z, gamma, beta):
    """Return the output of BatchNorm in training mode, and the mean squared error against the input."""
    z = torch.tensor(z, dtype=torch.float64)[:, None]
    y = F.batch_norm(z, None, None, gamma.reshape(1), beta.reshape(1), training=True, eps=EPS)
    return y[:, 0], F.mse_loss(y, z)


def correct_undo(at):
    z, noise = np.array(data_of("undo", "z")), np.array(data_of("undo", "noise"))
    gamma, beta = (torch.tensor(at[key], dtype=torch.float64) for key in ["gamma", "beta"])
    days = 6 + 3 * noise[:, : at["m"]]
    other = days[at["other"] - 1]
    errors = [by_torch(batch, gamma, beta)[1].item() / 9 for batch in days]
    loss = by_torch(z, gamma, beta)[1].item()
    found = {"loss": loss, "known": loss / z.var(), "goal.gamma": np.sqrt(z.var() + EPS), "goal.beta": z.mean()}
    found |= {"next.mean": other.mean(), "next.std": other.std(), "next.error": errors[at["other"] - 1]}
    found |= {f"next.y.{i}": y.item() for i, y in enumerate(by_torch(other, gamma, beta)[0])}
    return found | {"average": np.mean(errors), "law": 1.5 / at["m"]}


def step_down(at):
    """Return γ and β after one step of gradient descent, by torch's gradients."""
    parameters = [torch.tensor(at[key], dtype=torch.float64, requires_grad=True) for key in ["gamma", "beta"]]
    by_torch(data_of("undo", "z"), *parameters)[1].backward()
    gamma, beta = [(p - at["lr"] * p.grad).item() for p in parameters]
    return {"gamma": gamma, "beta": beta}


def correct_linear(at):
    white = np.array(data_of("linear", "white"))
    x = np.stack([white[:, 0], at["corr"] * white[:, 0] + np.sqrt(1 - at["corr"] ** 2) * white[:, 1]], axis=1)
    W = np.array([[at["w11"], at["w12"]], [at["w21"], at["w22"]]])
    linear = x @ W.T
    x_hat = F.batch_norm(torch.tensor(x), None, None, training=True, eps=EPS).numpy()
    norm = x_hat * [at["gamma1"], at["gamma2"]] + [at["beta1"], at["beta2"]]
    square = (linear**2).sum()
    found, left = {"missed": ((norm - linear) ** 2).sum() / square}, 0
    for j in range(2):
        design = np.stack([x_hat[:, j], np.ones(len(x))], axis=1)
        (gamma, beta), residual, *_ = np.linalg.lstsq(design, linear[:, j])
        found |= {f"best.parameters.gamma{j + 1}": gamma, f"best.parameters.beta{j + 1}": beta}
        left += residual[0]
    turn = np.allclose(W @ W.T, np.eye(2)) and np.linalg.det(W) > 0
    found |= {"best.missed": left / square, "sin2": W[1, 0] ** 2 if turn else None}
    for key, points in [("input", x), ("linear", linear), ("norm", norm)]:
        constant = points.std(axis=0).min() < 1e-9
        found[f"correlation.{key}"] = None if constant else np.corrcoef(points.T)[0, 1]
    return found


CORRECT = {"batch": correct_batch, "running": correct_running, "undo": correct_undo, "linear": correct_linear}


# An explorer in the browser, and hands for it.

NAME = "(control => control && (control.name || control.ariaLabel || control.textContent))"
WHERE = f"{NAME}((document.activeElement.shadowRoot ?? document).activeElement)"
CONTROLS = "[...e.shadowRoot.querySelectorAll('input, button, summary, [tabindex]')].filter(c => c.checkVisibility())"
ORDER = f"e => {CONTROLS}.map({NAME})"


class Hands:
    """Open an explorer, use it as a reader does, and know what its inputs must be by now."""

    def __init__(self, browser, name, folder, before="", after="", view="", **options):
        self.name = name
        path = folder / f"{name}.html"
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        head += '<meta name="viewport" content="width=device-width"><title>Explorer</title>'
        path.write_text(head + before + made(name)._repr_html_() + after, "utf8")
        self.context = browser.new_context(**{"viewport": {"width": 900, "height": 1000}, "offline": True} | options)
        self.tab = self.context.new_page()
        self.errors, self.requests = [], []
        self.tab.on("console", lambda message: self.errors.append(message.text))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.address = path.as_uri()
        self.tab.goto(self.address + view)
        self.element = self.tab.locator(f"bn-{name}")
        self.at = {key: value for key, value in data_of(name, "start").items()}

    @property
    def state(self):
        """Return all numbers of the explorer, as its property says them."""
        return self.element.evaluate("element => element.state")

    def shown(self):
        """Return the cells of the tables as triples: name, text, decimal places."""
        return self.element.evaluate(
            """e => [...e.shadowRoot.querySelectorAll('[data-value]')]
            .map(c => [c.dataset.value, c.textContent, c.dataset.places])"""
        )

    def reach(self, control):
        """Press Tab, or Shift and Tab, until a control has the focus."""
        order, now = self.element.evaluate(ORDER), self.tab.evaluate(WHERE)
        steps = order.index(control) - (order.index(now) if now in order else -1)
        for _ in range(abs(steps)):
            self.tab.keyboard.press("Tab" if steps > 0 else "Shift+Tab")
        assert self.tab.evaluate(WHERE) == control

    def slide(self, control, key, times=1):
        """Move a slider with a key; note what a slider of HTML does then."""
        if control in FOLDED and control not in self.element.evaluate(ORDER):
            self.reach("More settings")
            self.tab.keyboard.press("Enter")
        self.reach(control)
        field = self.element.locator(f"input[name={control}]")
        low, high, step = (float(field.get_attribute(name)) for name in ["min", "max", "step"])
        to, back = (np.log10, lambda power: 10.0**power) if control == "eps" else (float, float)
        for _ in range(times):
            before = field.input_value() if control == "theta" else None
            self.tab.keyboard.press(key)
            if control == "theta" and field.input_value() == before:
                continue  # at its end, where a key changes nothing; the matrix may be another by now
            value = low + np.floor((np.clip(to(self.at[control]), low, high) - low) / step + 0.5) * step  # on its grid
            value = {"ArrowRight": value + step, "ArrowLeft": value - step, "Home": low, "End": high}[key]
            self.set(control, back(float(np.clip(value, low, high).round(6))))

    def set(self, control, value):
        """Note a new value, and those that follow from it."""
        self.at[control] = int(value) if control in {"t", "m", "other"} else value
        if control == "theta":
            c, s = np.cos(np.radians(value)), np.sin(np.radians(value))
            self.at |= {"w11": c, "w12": -s, "w21": s, "w22": c}

    def check(self):
        """Hold what is shown, and the state, against the correct numbers; return how many were shown."""
        state = self.state
        for key, value in self.at.items():
            if key != "theta":  # it follows W
                assert state[key] == pytest.approx(value, abs=1e-9), key
        correct = CORRECT[self.name](self.at)
        for name, value in correct.items():
            found = inside(state, name)
            assert found == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), name
        cells = self.shown()
        for name, text, places in cells:
            value = correct[name] if name in correct else inside(self.at, name)
            if value is None:
                assert text == "–", name
            else:
                shown = float(text.replace("−", "-"))
                assert shown == pytest.approx(value, abs=0.5001 * 10 ** -int(places), rel=0.05 if "e" in text else 0)
        return len(cells)

    def handle(self, label):
        """Return a handle, and its middle in the window."""
        found = self.element.get_by_role("slider", name=label, exact=True)
        box = found.locator(".reach").bounding_box()
        return found, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def close(self):
        """Close the page; nothing may have gone wrong, and nothing was asked for but the page."""
        assert self.errors == []
        assert {url.split("#")[0] for url in self.requests} == {self.address}
        self.context.close()


def inside(state, name):
    """Return the number with a dotted name."""
    for part in name.split("."):
        state = state[int(part) if isinstance(state, list) else part]
    return state


@pytest.fixture
def open_explorer(browser, tmp_path):
    """Return a function that opens an explorer from a file, without network."""
    opened = []

    def open_one(name, **options):
        opened.append(Hands(browser, name, tmp_path, **options))
        return opened[-1]

    yield open_one
    for hands in opened:
        hands.close()


def steps(few, many):
    """Let a reader take a few steps in `make test`, and many in `make test-slow`."""
    return pytest.mark.parametrize("steps", [few, pytest.param(many, marks=pytest.mark.slow)])


# What all explorers have from the same script is tried with two of them in `make test`, with all in `make test-slow`
IN_SHORT = [name if name in {"batch", "linear"} else pytest.param(name, marks=pytest.mark.slow) for name in EXPLORERS]
SLIDERS = {
    "batch": ["gamma", "beta", "eps"],
    "running": ["alpha", "t", "m", "drift", "mean_0", "var_0"],
    "undo": ["gamma", "beta", "lr", "m"],
    "linear": ["theta", "corr", "gamma1", "gamma2", "w11", "w12", "w21", "w22", "beta1", "beta2"],
}
FOLDED = {"mean_0", "var_0", "w11", "w12", "w21", "w22", "beta1", "beta2"}
RANGES = (
    "e => [...e.shadowRoot.querySelectorAll('input[type=range]')].filter(i => i.checkVisibility()).map(i => i.name)"
)


@pytest.mark.parametrize("name", EXPLORERS)
def test_start_is_shown_and_every_slider_to_its_ends(open_explorer, name):
    hands = open_explorer(name)
    assert hands.check() >= 6
    assert hands.element.evaluate(RANGES) == [slider for slider in SLIDERS[name] if slider not in FOLDED]
    assert len(hands.element.evaluate(RANGES)) <= 4
    for slider in SLIDERS[name]:
        for key in ["End", "Home"]:
            hands.slide(slider, key)
            hands.check()
        hands.element.get_by_role("button", name="Start over").press("Enter")
        hands.at = dict(data_of(name, "start"))
        hands.check()


@steps(4, 20)
@pytest.mark.parametrize("name", EXPLORERS)
def test_sliders_by_keyboard_in_any_order(open_explorer, name, steps):
    hands, rng = open_explorer(name), np.random.default_rng(1)
    for _ in range(steps):
        key = rng.choice(["ArrowRight", "ArrowLeft", "ArrowRight", "ArrowLeft", "Home", "End"])
        hands.slide(str(rng.choice(SLIDERS[name])), str(key), int(rng.integers(1, 6)))
        hands.check()
    texts = hands.element.evaluate(
        """e => [...e.shadowRoot.querySelectorAll('.range')]
        .map(r => [r.querySelector('input').getAttribute('aria-valuetext'), r.querySelector('.value').textContent])"""
    )
    assert all(said == written for said, written in texts)


@steps(6, 30)
def test_samples_of_the_batch_by_keyboard(open_explorer, steps):
    hands, rng = open_explorer("batch"), np.random.default_rng(2)
    at = hands.at
    for _ in range(steps):
        i = int(rng.integers(8))
        if rng.random() < 0.4:
            hands.reach(f"sample {i + 1} in the batch")
            hands.tab.keyboard.press(" ")
            at["inside"][i] = not at["inside"][i] or sum(at["inside"]) == 1
        else:
            hands.reach(f"z of sample {i + 1}")
            moves = {"ArrowRight": 0.5, "ArrowUp": 0.5, "ArrowLeft": -0.5, "ArrowDown": -0.5}
            moves |= {"PageUp": 5, "PageDown": -5, "Home": -1000, "End": 1000}
            key = str(rng.choice(list(moves)))
            hands.tab.keyboard.press(key)
            at["z"][i] = float(np.clip(at["z"][i] + moves[key], -20, 40))
        hands.check()
        found, *_ = hands.handle(f"z of sample {i + 1}")
        assert float(found.get_attribute("aria-valuenow")) == at["z"][i]
        assert ("not in the batch" in found.get_attribute("aria-valuetext")) != at["inside"][i]


def test_a_batch_keeps_its_last_sample(open_explorer):
    hands = open_explorer("batch")
    for i in range(4):
        hands.reach(f"sample {i + 1} in the batch")
        hands.tab.keyboard.press(" ")
    hands.at["inside"] = [False] * 3 + [True] + [False] * 4
    hands.check()
    hands.tab.wait_for_timeout(400)
    assert "torch refuses" in hands.element.get_by_role("status").inner_text()


def test_gradient_descent_by_keyboard(open_explorer):
    hands = open_explorer("undo")
    for lr_keys, button, steps in [
        (0, "One step", 1),
        (0, "Ten steps", 10),
        (8, "One step", 1),
        (0, "Another batch", 0),
        (5, "Ten steps", 10),
    ]:
        if lr_keys:
            hands.slide("lr", "ArrowRight", lr_keys)
        hands.reach(button)
        hands.tab.keyboard.press("Enter")
        for _ in range(steps):
            hands.at |= step_down(hands.at)
        hands.at["other"] += not steps
        hands.check()
    hands.slide("gamma", "ArrowLeft", 2)  # from between its steps back onto them
    hands.check()


def test_one_step_of_learning_rate_one_half_undoes_and_above_one_diverges(open_explorer):
    hands = open_explorer("undo")
    hands.slide("lr", "ArrowRight", 8)
    hands.reach("One step")
    hands.tab.keyboard.press("Enter")
    assert hands.state["loss"] < 1e-9
    hands.slide("lr", "End")
    before = hands.state["loss"]
    hands.reach("Ten steps")
    for _ in range(20):
        hands.tab.keyboard.press("Enter")
    assert hands.state["loss"] > before


@steps(2, 8)
def test_best_batch_norm_misses_sine_squared(open_explorer, steps):
    hands = open_explorer("linear")
    for keys in range(1, steps + 1):
        hands.slide("theta", "ArrowRight", keys)
        hands.reach("Take the best γ and β")
        hands.tab.keyboard.press("Enter")
        hands.at |= {
            key: correct_linear(hands.at)[f"best.parameters.{key}"] for key in ["gamma1", "gamma2", "beta1", "beta2"]
        }
        hands.check()
        assert hands.state["missed"] == pytest.approx(np.sin(np.radians(hands.at["theta"])) ** 2, abs=1e-9)


@steps(3, 12)
@pytest.mark.parametrize(
    ("name", "label", "keys"),
    [
        ("undo", "γ and β", ("gamma", "beta")),
        ("linear", "arrow 1, column 1 of W", ("w11", "w21")),
        ("linear", "arrow 2, column 2 of W", ("w12", "w22")),
        ("linear", "corner of the square after BatchNorm: γ + β", ("gamma1", "gamma2")),
    ],
)
def test_points_in_the_plane_by_keyboard_and_by_drag(open_explorer, name, label, keys, steps):
    hands, rng = open_explorer(name), np.random.default_rng(3)
    hands.reach(label)
    for _ in range(steps):
        key = str(rng.choice(["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"]))
        hands.tab.keyboard.press(key)
        moved, sign = keys["Up" in key or "Down" in key], 1 if key in {"ArrowRight", "ArrowUp"} else -1
        for k, change in [(moved, sign * 0.1), (keys[moved == keys[0]], 0)]:
            hands.at[k] = float(np.floor((hands.at[k] + change) * 10 + 0.5) / 10)
        hands.check()
    corner = hands.element.locator(".live svg").nth(int("corner" in label)).bounding_box()
    for _ in range(steps):
        _, x, y = hands.handle(label)
        goal = corner["x"] + rng.uniform(110, 330), corner["y"] + rng.uniform(40, 240)
        drag(hands.tab.mouse, (x, y), goal)
        _, x, y = hands.handle(label)
        assert np.hypot(x - goal[0], y - goal[1]) < 4  # the nearest point of its grid
        state = hands.state
        assert [state[k] for k in keys] != [hands.at[k] for k in keys]
        hands.at |= {k: state[k] for k in keys}
        hands.check()


def drag(mouse, start, goal):
    """Take hold, move and let go; moves after that do nothing."""
    mouse.move(*start)
    mouse.down()
    mouse.move(*(np.add(start, goal) / 2))
    mouse.move(*goal)
    mouse.up()
    mouse.move(goal[0] + 30, goal[1] + 30)


def place_of_tick(hands, words, row):
    """Return the place of the tick with these words, the row-th of them from the top, in the first plot."""
    box = (
        hands.element.locator(".live svg")
        .first.locator("text", has_text=re.compile(f"^{words}$"))
        .nth(row)
        .bounding_box()
    )
    return box["x"] + box["width"] / 2


@steps(4, 24)
def test_samples_of_the_batch_by_drag(open_explorer, steps):
    hands, rng = open_explorer("batch"), np.random.default_rng(4)
    ticks = {-20: place_of_tick(hands, "−20", 0), 0: place_of_tick(hands, "0", 0), 40: place_of_tick(hands, "40", 0)}
    per_unit = (ticks[40] - ticks[-20]) / 60
    assert ticks[0] == pytest.approx(ticks[-20] + 20 * per_unit, abs=1)
    for number in range(steps):
        i = number % 8
        _, x, y = hands.handle(f"z of sample {i + 1}")
        value = float(rng.integers(-60, 100)) / 2  # sometimes beyond the ends
        drag(hands.tab.mouse, (x, y), (ticks[0] + value * per_unit, y + 15))
        hands.at["z"][i] = float(np.clip(value, -20, 40))
        spread = np.diff(np.sort(hands.at["z"])).min()
        hands.check()
        if spread < 1.5:  # the next hand might take the neighbour
            hands.at["z"] = list(data_of("batch", "start")["z"])
            hands.at["inside"] = list(data_of("batch", "start")["inside"])
            hands.element.get_by_role("button", name="Start over").click()


def test_a_wild_sample_moves_all_normalized_values_and_stops_at_the_bound(open_explorer):
    hands = open_explorer("batch")
    before = np.array(hands.state["z_hat"][:4])
    _, x, y = hands.handle("z of sample 3")
    drag(hands.tab.mouse, (x, y), (place_of_tick(hands, "40", 0), y))
    after = np.array(hands.state["z_hat"][:4])
    assert np.abs(after - before).min() > 0.1
    assert 1.6 < after[2] < np.sqrt(3)


@pytest.mark.parametrize("name", ["batch", "undo", "linear"])
def test_handles_by_touch_on_a_phone(open_explorer, name):
    hands = open_explorer(name, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    found = hands.element.locator(".handle").first
    found.scroll_into_view_if_needed()
    box = found.locator(".reach").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session, before = hands.context.new_cdp_session(hands.tab), hands.state
    for kind, points in [
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 20, "y": y}]),
        ("touchMove", [{"x": x + 40, "y": y - 3}]),
        ("touchEnd", []),
    ]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    moved = found.locator(".reach").bounding_box()
    assert moved["x"] - box["x"] == pytest.approx(40, abs=5)
    hands.at |= {key: value for key, value in hands.state.items() if key in hands.at}
    assert hands.state != before
    hands.check()


# The page around it.


@pytest.mark.parametrize("name", IN_SHORT)
def test_tab_goes_through_all_controls_and_each_has_a_name(open_explorer, name):
    hands = open_explorer(name)
    expected = hands.element.evaluate(ORDER)
    reached = []
    for _ in expected:
        hands.tab.keyboard.press("Tab")
        reached.append(hands.tab.evaluate(WHERE))
        ring = hands.element.evaluate(
            "e => { const c = e.shadowRoot.activeElement, s = getComputedStyle(c.querySelector('.reach') ?? c); "
            "return s.outlineStyle !== 'none' || (s.stroke !== 'none' && parseFloat(s.strokeWidth) >= 2) }"
        )
        assert ring, f"{reached[-1]}: the focus is not to be seen"
    assert reached == expected
    assert len(set(reached)) == len(reached)
    roles = hands.element.get_by_role("slider")
    assert roles.count() == len(set(SLIDERS[name]) - FOLDED) + hands.element.locator(".handle").count()
    for line in hands.element.aria_snapshot().splitlines():
        assert not re.fullmatch(r"\s*- (slider|checkbox|button)(: .*)?", line), line


@pytest.mark.parametrize("name", IN_SHORT)
def test_sentence_is_polite_and_follows_when_the_hand_rests(open_explorer, name):
    hands = open_explorer(name)
    status = hands.element.get_by_role("status")
    before = status.inner_text()
    assert len(before.split()) > 15
    slider = {"running": "t", "linear": "theta"}.get(name, "beta")
    hands.slide(slider, "ArrowRight", 3)
    assert status.inner_text() == before
    hands.tab.wait_for_timeout(500)
    assert status.inner_text() != before


@pytest.mark.parametrize("name", EXPLORERS)
@pytest.mark.parametrize(
    "width", [1280, pytest.param(768, marks=pytest.mark.slow), pytest.param(390, marks=pytest.mark.slow), 320]
)
def test_nothing_sticks_out(open_explorer, name, width):
    hands = open_explorer(name, viewport={"width": width, "height": 800})
    assert hands.tab.evaluate("document.scrollingElement.scrollWidth") <= width
    sticking = """e => { const live = e.shadowRoot.querySelector('.live').getBoundingClientRect();
        return [...e.shadowRoot.querySelectorAll('text, .value, button, td, th, input')].filter(c => {
            const box = c.getBoundingClientRect(); return box.left < live.left || box.right > live.right + 1;
        }).map(c => c.outerHTML) }"""
    assert hands.element.evaluate(sticking) == []


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LONG = '<div style="height: 3000px"></div>'
BAR = "<style>html { scroll-padding-top: 64px }</style>"  # as the book has, for its bar of buttons
VIEW = {  # what a reader does, and the end of the address
    "batch": ([("eps", "ArrowRight", 4), ("beta", "ArrowLeft", 2)], "?beta=-0.2&eps=0.1"),
    "running": ([("alpha", "ArrowLeft", 9), ("t", "End", 1)], "?alpha=0.01&t=80"),
    "undo": ([("gamma", "ArrowRight", 20), ("m", "Home", 1)], "?gamma=3&m=2"),
    "linear": ([("theta", "ArrowRight", 9), ("corr", "End", 1)], "?theta=90&corr=0.9"),
}


@pytest.mark.parametrize("name", IN_SHORT)
def test_plots_stay_in_sight_while_any_slider_of_a_phone_moves(open_explorer, name):
    output = f'{BAR}{LONG}<div style="overflow: auto">'  # a notebook's output scrolls sideways by itself
    small = PHONE | {"viewport": {"width": 390, "height": 640}}  # what the bars of a browser leave
    hands = open_explorer(name, before=output, after=f"</div>{LONG}", **small)
    plots = hands.element.locator(".plots")
    if FOLDED & set(SLIDERS[name]):
        hands.element.get_by_text("More settings").click()
    for slider in SLIDERS[name]:
        field = hands.element.locator(f"input[name={slider}]")
        hands.tab.evaluate("scrollTo(0, 1e6)")
        field.focus()  # the browser scrolls up to it
        shown, box = plots.bounding_box(), field.bounding_box()
        assert shown["y"] >= 63, slider
        assert shown["y"] + shown["height"] < box["y"] + 1, slider
        assert box["y"] + box["height"] < 640, slider
        field.evaluate(
            "(e, y) => scrollBy(0, e.getBoundingClientRect().top - y)", 68 + shown["height"]
        )  # at its highest
        assert plots.bounding_box()["y"] == pytest.approx(64, abs=1), slider
    assert plots.evaluate("e => getComputedStyle(e).backgroundColor") not in {"transparent", "rgba(0, 0, 0, 0)"}


def test_in_a_low_window_the_plots_leave_room_for_the_sliders(open_explorer):
    hands = open_explorer("running", viewport={"width": 800, "height": 360})
    assert hands.element.locator(".plots").evaluate("e => getComputedStyle(e).position") == "static"


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_address_holds_the_view_and_opens_it(open_explorer, name):
    hands = open_explorer(name)
    moves, view = VIEW[name]
    for slider, key, times in moves:
        hands.slide(slider, key, times)
    before = hands.tab.evaluate("[history.length, scrollY]")
    hands.tab.wait_for_timeout(400)
    assert hands.tab.url == f"{hands.address}#explore-{name}{view}"
    assert hands.tab.evaluate("[history.length, scrollY]") == before
    opened = open_explorer(name, before=LONG, after=LONG, view=f"#explore-{name}{view}")
    opened.at = hands.at
    opened.check()
    assert opened.element.bounding_box()["y"] == pytest.approx(0, abs=20)
    hands.element.get_by_role("button", name="Start over").press("Enter")
    hands.tab.wait_for_timeout(400)
    assert hands.tab.url == f"{hands.address}#explore-{name}"


def test_what_was_dragged_comes_back_by_a_link_that_is_followed_in_the_page(open_explorer):
    hands = open_explorer(
        "batch", before=f'<a href="#explore-batch?z=1,2,3,4,5,6,7,8&inside=1,1,0,0,0,0,0,0">A view</a>{LONG}'
    )
    hands.tab.get_by_text("A view").click()
    hands.tab.wait_for_function("scrollY > 1000")
    hands.at |= {"z": list(range(1, 9)), "inside": [True] * 2 + [False] * 6}
    hands.check()


def test_back_to_a_place_that_the_page_keeps_does_not_scroll(open_explorer):
    hands = open_explorer("undo", before=LONG)
    hands.tab.evaluate(
        "history.replaceState({ place: [0, 0] }, '', '#explore-undo?gamma=2'); location.hash = ''; history.back()"
    )
    hands.tab.wait_for_function("document.querySelector('bn-undo').state.gamma === 2")
    assert hands.tab.evaluate("scrollY") < 100


@pytest.mark.parametrize(
    ("name", "view", "change"),
    [
        (
            "batch",
            "?gamma=99&eps=abc&z=1,2&inside=0,0,0,0,0,0,0,0&none=1",
            {"gamma": 3, "inside": [True] + [False] * 7},
        ),
        ("running", "?t=4.4&m=0&alpha=&var_0=-3", {"t": 4, "m": 2, "alpha": 0, "var_0": 0}),
        ("undo", "?other=400&gamma=2.718281&lr=1e3", {"other": 40, "gamma": 2.718281, "lr": 1.2}),
        ("linear", "?w11=2&w12=0&w21=0&w22=%ZZ", {"w11": 2, "w12": 0, "w21": 0}),
    ],
)
def test_an_address_that_makes_no_sense_does_no_harm(open_explorer, name, view, change):
    hands = open_explorer(name, view=f"#explore-{name}{view}")
    hands.at |= change
    hands.check()


def test_a_matrix_that_is_no_rotation_stands_in_the_address_by_its_entries(open_explorer):
    hands = open_explorer("linear")
    hands.slide("w12", "End")
    hands.tab.wait_for_timeout(400)
    assert hands.tab.url.endswith("#explore-linear?w12=3")
    assert "no rotation" in hands.element.locator("label", has_text="angle").inner_text()


@pytest.mark.parametrize("allowed", [True, False])
def test_button_copies_the_link_or_puts_it_into_the_address(open_explorer, allowed):
    hands = open_explorer("undo", permissions=["clipboard-read", "clipboard-write"] if allowed else [])
    if not allowed:
        hands.tab.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
    hands.slide("lr", "Home")
    hands.element.get_by_role("button", name="Copy link to this view").press("Enter")
    hands.element.get_by_text("The link is copied." if allowed else "The link stands in the address bar.").wait_for()
    address = hands.tab.evaluate("navigator.clipboard.readText()") if allowed else hands.tab.url
    assert address == f"{hands.address}#explore-undo?lr=0.05"


def test_in_a_notebook_the_address_stays(open_explorer):
    hands = open_explorer("undo", before='<div class="jp-OutputArea">')
    hands.slide("lr", "Home")
    hands.tab.wait_for_timeout(400)
    assert hands.tab.url == hands.address
    assert hands.element.get_by_role("button", name="Copy link").count() == 0


CROSSED = """e => { const found = [];
    for (const svg of e.shadowRoot.querySelectorAll('.plots svg')) {
        const texts = [...svg.querySelectorAll('g[aria-hidden] text')].map(t => [t.textContent, t.getBBox()]);
        texts.forEach(([words, box], i) => {
            for (const [other, b] of texts.slice(i + 1)) {
                const apart = box.x >= b.x + b.width || b.x >= box.x + box.width
                    || box.y + 3 >= b.y + b.height || b.y + 3 >= box.y + box.height;
                if (!apart) found.push(`${words} meets ${other}`);
            }
        });
        for (const mark of svg.querySelectorAll('line, path:not(.area)')) {
            const length = mark.getTotalLength();
            for (let at = 0; at <= length; at += 4) {
                const { x, y } = mark.getPointAtLength(at);
                const crossed = texts.find(([, b]) =>
                    x > b.x && x < b.x + b.width && y > b.y + 3 && y < b.y + b.height - 3);
                if (crossed) found.push(`${crossed[0]} is crossed by ${mark.outerHTML.slice(0, 80)}`);
            }
        }
    }
    return found; }"""


@pytest.mark.parametrize("options", [PHONE, pytest.param({}, marks=pytest.mark.slow)], ids=["phone", "wide"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_labels_are_large_enough_and_no_line_goes_through_one(open_explorer, name, options):
    hands = open_explorer(name, **options)
    sizes = "e => [...e.shadowRoot.querySelectorAll('.live *')].map(c => parseFloat(getComputedStyle(c).fontSize))"
    assert min(hands.element.evaluate(sizes)) >= 10
    assert hands.element.evaluate(CROSSED) == []
    for slider in SLIDERS[name] if options else []:
        if slider not in FOLDED:
            for key in ["End", "Home"]:
                hands.element.locator(f"input[name={slider}]").press(key)
                assert hands.element.evaluate(CROSSED) == [], (slider, key)
    if name == "undo":
        hands.element.locator("input[name=lr]").fill("0.9")  # which goes beyond the goal, and comes back
        hands.element.get_by_role("button", name="Ten steps").press("Enter")
        assert hands.element.evaluate(CROSSED) == []


def test_all_numbers_are_folded_and_open_by_a_key(open_explorer):
    hands = open_explorer("running")
    table = hands.element.locator("details table").first
    assert not table.is_visible()
    hands.reach("All numbers")
    hands.tab.keyboard.press("Enter")
    assert table.is_visible()


SMALLEST = """e => Math.min(...[...e.querySelectorAll('text')].map(
    t => parseFloat(getComputedStyle(t).fontSize) * Math.hypot(t.getScreenCTM().a, t.getScreenCTM().b)))"""
PRIVATE = r"\b(frame|missed share|memory|energy|share|size N|rho|log_eps|keras)\b"


@pytest.mark.parametrize("name", EXPLORERS)
def test_words_and_symbols_are_those_of_the_book(name):
    explorer = made(name)
    words = [explorer.sentence, explorer.alt, EXPLORERS[name].__doc__, *explorer.data["start"]]
    script = re.sub(r"//.*", "", (FOLDER / f"{name}.js").read_text("utf8"))
    words += re.findall(r'"[^"\n]*"|`[^`]*`', script)
    assert [found for text in words if (found := re.search(PRIVATE, text))] == []


@pytest.mark.parametrize("name", IN_SHORT)
def test_without_javascript_there_are_a_sentence_and_a_figure(open_explorer, name):
    hands = open_explorer(name, java_script_enabled=False, viewport={"width": 390, "height": 844})
    assert len(hands.element.locator("p").inner_text().split()) > 10
    assert hands.element.locator("p").is_visible()
    figure = hands.element.get_by_role("img")
    assert figure.is_visible()
    assert len(figure.get_attribute("aria-label").split()) > 8
    assert figure.bounding_box()["height"] > 150
    assert figure.evaluate(SMALLEST) >= 10
    markup = figure.evaluate("e => e.outerHTML")
    assert "currentColor" in markup
    assert explorers.INK not in markup


@pytest.mark.parametrize("name", IN_SHORT)
def test_in_print_the_figure_stands_in_the_place_of_the_controls(open_explorer, name):
    hands = open_explorer(name)
    figure, live = hands.element.get_by_role("img", include_hidden=True), hands.element.locator(".live")
    assert not figure.is_visible()
    hands.tab.emulate_media(media="print")
    assert figure.is_visible()
    assert not live.is_visible()


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_same_call_gives_the_same_bytes(name):
    assert EXPLORERS[name]()._repr_html_() == EXPLORERS[name]()._repr_html_()


def test_two_outputs_on_one_page_work(browser, tmp_path):
    path = tmp_path / "two.html"
    one = explore_batch()._repr_html_()
    path.write_text(f"<!doctype html><meta charset=utf-8>{one}{one}{explore_undo()._repr_html_()}", "utf8")
    tab, errors = browser.new_page(), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(path.as_uri())
    assert errors == []
    assert [e.evaluate("e => e.state.m") for e in tab.locator("bn-batch, bn-undo").all()] == [4, 4, 8]
    tab.close()


def contrast(tab, selector):
    """Return the contrast between the text of an element in an explorer and the ground of the page."""
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it is drawn
    return tab.locator(selector).first.evaluate(
        """e => {
        const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const light = (color) => {
            const [r, g, b] = color.match(/[\\d.]+/g).map((v) => linear(v / 255));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const back = (element) => getComputedStyle(element).backgroundColor;
        let ground = e.getRootNode().host;
        while (ground && /, 0\\)$|transparent/.test(back(ground))) ground = ground.parentElement;
        const ink = getComputedStyle(e)[e instanceof SVGElement ? 'fill' : 'color'];
        const [a, b] = [light(ink), light(ground ? back(ground) : 'rgb(255, 255, 255)')].sort((p, q) => q - p);
        return (a + 0.05) / (b + 0.05); }"""
    )


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_chapter_shows_its_explorer_in_light_and_dark(browser, book, name, scheme):
    tab, errors = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 900}), []
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto((book / f"chapters/{CHAPTERS[name]}.html").as_uri())
    assert tab.evaluate("document.documentElement.dataset.theme") == scheme
    for part in ["svg text", "td", "label span", "button", "[role=status]", "th", "summary"]:
        assert contrast(tab, f"bn-{name} .live {part}") >= 4.5, part
    slider = tab.locator(f"bn-{name} input[type=range]").first
    before, address = tab.locator(f"bn-{name}").evaluate("e => JSON.stringify(e.state)"), tab.url
    slider.press("ArrowRight")
    assert tab.locator(f"bn-{name}").evaluate("e => JSON.stringify(e.state)") != before
    assert tab.url.split("#")[0] == address  # an arrow key turns no page
    assert errors == []
    tab.close()


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_ink_follows_the_themes_of_jupyterlab(browser, tmp_path, ground):
    ink = {"#ffffff": "rgba(0, 0, 0, 0.87)", "#111111": "#ffffff"}[ground]
    path = tmp_path / "lab.html"
    style = f"body {{ --jp-content-font-color1: {ink}; background: {ground} }}"
    path.write_text(f"<!doctype html><meta charset=utf-8><style>{style}</style>{explore_undo()._repr_html_()}", "utf8")
    tab = browser.new_page()
    tab.goto(path.as_uri())
    for part in ["svg text", "td", "button", "[role=status]"]:
        assert contrast(tab, f"bn-undo .live {part}") >= 4.5
    tab.close()


@pytest.mark.parametrize("name", EXPLORERS)
def test_page_has_the_script_of_its_explorer_and_no_other(book, name):
    page = (book / f"chapters/{CHAPTERS[name]}.html").read_text("utf8")
    assert re.findall(r'define\("bn-(\w+)"', page) == [name]


def test_scripts_are_small_and_belong_to_the_package():
    scripts = sorted(FOLDER.glob("*.js"))
    assert [path.stem for path in scripts] == sorted([*EXPLORERS, "shared"])
    assert len(gzip.compress(b"".join(path.read_bytes() for path in scripts))) < 30_000
    settings = (ROOT / "pyproject.toml").read_text()
    assert 'packages = ["bnutils", "bnutils.explorers"]' in settings
    assert '"bnutils.explorers" = ["*.js"]' in settings


def test_data_of_an_explorer_cannot_end_its_attribute():
    sample = explorers.Explorer("batch", {"start": {"a": "\"'<&"}}, "A <b>.", explorers.new_figure()[0], 'An "alt".')
    text = sample._repr_html_().partition("</bn-batch>")[0]
    assert json.dumps("\"'<&") not in text
    assert "<b>" not in text
    assert "An &quot;alt&quot;." in text


def test_batch_starts_with_the_values_that_are_asked_for():
    start = explore_batch([1, 3, 8], m=2).data["start"]
    assert (start["z"], start["inside"]) == ([1, 3, 8], [True, True, False])
    assert "values 1 and 3 has mean 2 and standard deviation 1," in explore_batch([1, 3, 8], m=2).sentence
    for m in [0, 4]:
        with pytest.raises(ValueError, match=f"m must be from 1 to 3, the number of values in z, got {m}"):
            explore_batch([1, 3, 8], m=m)
