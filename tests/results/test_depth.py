"""The stored sweep over depth: nothing is missing, and a sample comes out again."""

import pytest

from bnutils.data import load_results
from experiments import depth as sweep


def test_depth_crossover_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("depth_crossover")
    runs = [(r["depth"], r["arm"], r["seed"], r["lr"]) for r in stored["final"]]
    rates = {(d, a): sweep.best_lr(stored["tuning"], d, a) for d in sweep.DEPTHS for a in sweep.ARMS}
    assert sorted(runs) == sorted((*key, seed, lr) for key, lr in rates.items() for seed in sweep.FINAL_SEEDS)
    assert set(sweep.TUNING_SEEDS).isdisjoint(sweep.FINAL_SEEDS)


@pytest.mark.parametrize(("depth", "arm"), [(1, "last"), (2, "random"), (8, "bn")])
def test_a_run_of_the_depth_crossover_comes_out_again(depth, arm):
    final = load_results("depth_crossover")["final"]
    old = next(r for r in final if (r["depth"], r["arm"], r["seed"]) == (depth, arm, 1))
    splits = ("train", "validation", "test")
    new = sweep.run(depth, arm, old["lr"], 1, splits)
    assert new["trained_numbers"] == old["trained_numbers"]
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)
