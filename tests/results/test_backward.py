"""The stored runs with detached statistics: nothing is missing, and a sample comes out again."""

import pytest
import sweep_backward

from bnutils.data import load_results


def test_backward_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("backward")
    arms, rates = sweep_backward.ARMS, sweep_backward.LEARNING_RATES
    tuning = [(r["arm"], r["lr"], r["seed"]) for r in stored["tuning"]]
    assert sorted(tuning) == sorted((a, lr, s) for a in arms for lr in rates for s in sweep_backward.TUNING_SEEDS)
    assert not any("test" in r for r in stored["tuning"])
    final = [(r["arm"], r["lr"], r["seed"]) for r in stored["final"]]
    best = {arm: sweep_backward.best_lr(stored["tuning"], arm) for arm in arms}
    assert sorted(final) == sorted((a, best[a], s) for a in arms for s in sweep_backward.FINAL_SEEDS)
    assert set(sweep_backward.TUNING_SEEDS).isdisjoint(sweep_backward.FINAL_SEEDS)


@pytest.mark.parametrize(("arm", "part"), [("right", "tuning"), ("both", "tuning"), ("mean", "final")])
def test_a_run_with_detached_statistics_comes_out_again(arm, part):
    lr, seed = (0.1, 30) if part == "tuning" else (1.0, 40)
    old = next(r for r in load_results("backward")[part] if (r["arm"], r["lr"], r["seed"]) == (arm, lr, seed))
    splits = [split for split in ("train", "validation", "test") if split in old]
    new = sweep_backward.run(arm, lr, seed, splits)
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)
    assert new["loss"] == pytest.approx(old["loss"], rel=0.15)
    assert new["growth"] == pytest.approx(old["growth"], rel=0.1)
