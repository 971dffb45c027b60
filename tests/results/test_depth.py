"""The stored sweep over depth: nothing is missing, and a sample comes out again."""

import itertools

import pytest

from bnutils.data import load_results
from experiments import depth as sweep


def test_depth_crossover_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("depth_crossover")
    keys = ("depth", "arm", "budget", "lr", "seed")
    tuned, tested = (sorted(tuple(r[key] for key in keys) for r in stored[part]) for part in ("tuning", "final"))
    cases = list(itertools.product(sweep.DEPTHS, sweep.ARMS, sweep.BUDGETS))
    assert tuned == sorted((*c, lr, seed) for c in cases for lr in sweep.RATES[c[1]] for seed in sweep.TUNING_SEEDS)
    assert tested == sorted(
        (*c, sweep.best_lr(stored["tuning"], *c), seed) for c in cases for seed in sweep.FINAL_SEEDS
    )


@pytest.mark.parametrize(("depth", "arm"), [(1, "last"), (2, "random"), (6, "bn")])
def test_a_run_of_the_depth_crossover_comes_out_again(depth, arm):
    final = load_results("depth_crossover")["final"]
    case = {"depth": depth, "arm": arm, "seed": 1, "budget": 12}
    old = next(r for r in final if case.items() <= r.items())
    splits = ("train", "validation", "test")
    (new,) = sweep.run(depth, arm, old["lr"], 1, (12,), splits)
    assert new["trained_numbers"] == old["trained_numbers"]
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)
