"""The stored runs of the four hypotheses: nothing is missing, and a sample comes out again."""

import math

import pytest

from bnutils.data import load_results
from experiments import hypotheses as sweep


def test_hypotheses_hold_every_run():
    stored = load_results("hypotheses")
    training = [(r["seed"], r["lr"], r["arm"]) for r in stored["training"]]
    assert training == [(seed, lr, arm) for seed in sweep.SEEDS for lr in sweep.LEARNING_RATES for arm in sweep.ARMS]
    smoothness = [(r["seed"], r["arm"]) for r in stored["smoothness"]]
    assert smoothness == [(seed, arm) for seed in sweep.SEEDS for arm in sweep.SMOOTHNESS_ARMS]
    depth = [(r["seed"], r["depth"], r["norm"], r["lr"]) for r in stored["depth"] if r["activation"] == "relu"]
    rates, depths = sweep.DEPTH_RATES, sweep.DEPTHS
    assert depth == [(s, d, n, lr) for s in sweep.DEPTH_SEEDS for d in depths for n in (True, False) for lr in rates]


@pytest.mark.parametrize(("arm", "lr"), [("bn", 0.1), ("noise 1", 0.5), ("held", 2.0), ("plain", 0.5)])
def test_a_run_of_the_hypotheses_comes_out_again(arm, lr):
    runs = load_results("hypotheses")["training"]
    old = next(r for r in runs if (r["arm"], r["lr"], r["seed"]) == (arm, lr, 301))
    new = sweep.run(arm, lr, 301)
    splits = ("train", "validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)
    assert (new["shift"] is None) == (old["shift"] is None)
    if old["shift"] is not None:
        assert new["shift"] == pytest.approx(old["shift"], rel=0.2)
        assert new["growth"] == pytest.approx(old["growth"], rel=0.1)


def test_a_look_at_the_smoothness_comes_out_again():
    runs = load_results("hypotheses")["smoothness"]
    old = next(r for r in runs if (r["arm"], r["seed"]) == ("noise 1", 302))
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


def test_a_deep_network_of_the_hypotheses_comes_out_again():
    case = {"depth": 5, "activation": "sigmoid", "norm": True, "lr": 1.0, "seed": 300}
    old = next(r for r in load_results("hypotheses")["depth"] if case.items() <= r.items())
    new = sweep.deep(5, "sigmoid", True, 1.0, 300)
    assert [new[s] for s in ("train", "test")] == pytest.approx([old[s] for s in ("train", "test")], abs=0.06)
