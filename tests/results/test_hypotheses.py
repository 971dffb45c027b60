"""The stored runs of the four hypotheses: nothing is missing, and a sample comes out again."""

import itertools
import math

import pytest

from bnutils.data import load_results
from experiments import hypotheses as sweep


def test_hypotheses_hold_every_run():
    stored = load_results("hypotheses")
    training = [(r["seed"], r["budget"], r["lr"], r["arm"]) for r in stored["training"]]
    assert training == list(itertools.product(sweep.SEEDS, sweep.BUDGETS, sweep.LEARNING_RATES, sweep.ARMS))
    smoothness = [(r["seed"], r["budget"], r["arm"]) for r in stored["smoothness"]]
    assert smoothness == list(itertools.product(sweep.SEEDS, sweep.BUDGETS, sweep.SMOOTHNESS_ARMS))
    depth = [(r["seed"], r["budget"], r["activation"], r["arm"], r["depth"], r["lr"]) for r in stored["depth"]]
    cases = [(*case, lr) for case in sweep.DEPTH_CASES for lr in sweep.DEPTH_RATES[case[:2]]]
    assert depth == [(s, b, *case) for s in sweep.SEEDS for b in sweep.BUDGETS for case in cases]


LONGER = [("bn", 0.1, 15), ("noise 1", 0.5, 5), ("held", 2.0, 5), ("plain", 0.5, 5)]


@pytest.mark.parametrize(
    ("arm", "lr", "budget"), [("bn", 4.0, 5), *(pytest.param(*case, marks=pytest.mark.slow) for case in LONGER)]
)
def test_a_run_of_the_hypotheses_comes_out_again(arm, lr, budget):
    runs = load_results("hypotheses")["training"]
    old = next(r for r in runs if (r["arm"], r["lr"], r["seed"], r["budget"]) == (arm, lr, 301, budget))
    new = sweep.run(arm, lr, 301, budget=budget)
    splits = ("train", "validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)
    assert (new["drift"] is None) == (old["drift"] is None)
    if old["drift"] is not None:
        assert old["drift"] == pytest.approx(old["shift"] / old["spread"])
        assert new["shift"] == pytest.approx(old["shift"], rel=0.2)
        assert new["growth"] == pytest.approx(old["growth"], rel=0.1)


def test_a_look_at_the_smoothness_comes_out_again():
    runs = load_results("hypotheses")["smoothness"]
    old = next(r for r in runs if (r["arm"], r["seed"], r["budget"]) == ("noise 1", 302, 5))
    new = sweep.smoothness("noise 1", 302, epochs=1)
    for key in ("loss", "moved"):
        assert new[key][0] == pytest.approx(old[key][0], rel=0.02)  # the first look, after one step
        mean_new, mean_old = (sum(map(sum, r[key][:9])) for r in (new, old))
        assert mean_new == pytest.approx(mean_old, rel=0.25)


@pytest.mark.parametrize(("activation", "norm"), [("relu", True), ("relu", False), ("tanh", True), ("sigmoid", False)])
def test_a_gradient_of_the_hypotheses_comes_out_again(activation, norm):
    case = {"activation": activation, "norm": norm, "batch_size": 128, "width": 256, "seed": 303}
    old = next(r for r in load_results("hypotheses")["gradients"] if case.items() <= r.items())
    norms = sweep.gradient_norms(activation, norm, 128, 303)
    assert [math.log(n) for n in norms] == pytest.approx([math.log(n) for n in old["norms"]], abs=0.05)
    assert sweep.growth(norms) == pytest.approx(old["growth"], rel=0.01)


@pytest.mark.parametrize(("arm", "lr"), [pytest.param("bn", 1.0, marks=pytest.mark.slow), ("plain, own weights", 0.3)])
def test_a_deep_network_of_the_hypotheses_comes_out_again(arm, lr):
    case = {"activation": "sigmoid", "arm": arm, "depth": 5, "lr": lr, "seed": 300, "budget": 5}
    old = next(r for r in load_results("hypotheses")["depth"] if case.items() <= r.items())
    new = sweep.deep("sigmoid", arm, 5, lr, 300)
    assert [new[s] for s in ("train", "test")] == pytest.approx([old[s] for s in ("train", "test")], abs=0.06)
