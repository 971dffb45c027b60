"""The stored runs with detached statistics: nothing is missing, and a sample comes out again."""

import pytest

from bnutils.data import load_results
from experiments import backward


def test_backward_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("backward")
    arms, rates = backward.ARMS, backward.LEARNING_RATES
    tuning = [(r["arm"], r["lr"], r["seed"]) for r in stored["tuning"]]
    assert sorted(tuning) == sorted((a, lr, s) for a in arms for lr in rates for s in backward.TUNING_SEEDS)
    assert not any("test" in r for r in stored["tuning"])
    final = [(r["arm"], r["lr"], r["seed"]) for r in stored["final"]]
    best = {arm: backward.best_lr(stored["tuning"], arm) for arm in arms}
    assert sorted(final) == sorted((a, best[a], s) for a in arms for s in backward.FINAL_SEEDS)
    assert set(backward.TUNING_SEEDS).isdisjoint(backward.FINAL_SEEDS)


@pytest.mark.parametrize(("arm", "part"), [("right", "tuning"), ("both", "tuning"), ("mean", "final")])
def test_a_run_with_detached_statistics_comes_out_again(arm, part):
    lr, seed = (0.1, 30) if part == "tuning" else (1.0, 40)
    old = next(r for r in load_results("backward")[part] if (r["arm"], r["lr"], r["seed"]) == (arm, lr, seed))
    splits = [split for split in ("train", "validation", "test") if split in old]
    new = backward.run(arm, lr, seed, splits)
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)
    assert new["loss"] == pytest.approx(old["loss"], rel=0.15)
    assert new["growth"] == pytest.approx(old["growth"], rel=0.1)
