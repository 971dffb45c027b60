"""The stored runs with detached statistics: nothing is missing, and a sample comes out again."""

import itertools

import pytest

from bnutils.data import load_results
from experiments import backward


def test_backward_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("backward")
    arms, rates = backward.ARMS, backward.LEARNING_RATES
    keys = ("arm", "budget", "lr", "seed")
    tuned, tested = (sorted(tuple(r[key] for key in keys) for r in stored[part]) for part in ("tuning", "final"))
    cases = list(itertools.product(arms, backward.BUDGETS))
    assert tuned == sorted((*c, lr, seed) for c in cases for lr in rates for seed in backward.TUNING_SEEDS)
    assert not any("test" in r for r in stored["tuning"])
    best = {case: backward.best_lr(stored["tuning"], *case) for case in cases}
    assert tested == sorted((*c, best[c], seed) for c in cases for seed in backward.FINAL_SEEDS)


@pytest.mark.parametrize(("arm", "part"), [("right", "tuning"), ("both", "tuning"), ("mean", "final")])
def test_a_run_with_detached_statistics_comes_out_again(arm, part):
    case = {"arm": arm, "budget": 5} | ({"lr": 0.1, "seed": 30} if part == "tuning" else {"seed": 40})
    old = next(r for r in load_results("backward")[part] if case.items() <= r.items())
    splits = [split for split in ("train", "validation", "test") if split in old]
    (new,) = backward.run(arm, old["lr"], old["seed"], (5,), splits)
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)
    assert new["loss"] == pytest.approx(old["loss"], rel=0.15)
    assert new["growth"] == pytest.approx(old["growth"], rel=0.1)
