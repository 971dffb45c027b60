"""The stored results of the long experiments: a sample of each is computed anew."""

import itertools

import pytest
import sweep_depth
import sweep_identity
import sweep_running

from bnutils.data import load_results
from bnutils.training import fashion_tensors


def test_depth_crossover_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("depth_crossover")
    runs = [(r["depth"], r["arm"], r["seed"], r["lr"]) for r in stored["final"]]
    rates = {(d, a): sweep_depth.best_lr(stored["tuning"], d, a) for d in sweep_depth.DEPTHS for a in sweep_depth.ARMS}
    assert sorted(runs) == sorted((*key, seed, lr) for key, lr in rates.items() for seed in sweep_depth.FINAL_SEEDS)
    assert set(sweep_depth.TUNING_SEEDS).isdisjoint(sweep_depth.FINAL_SEEDS)


@pytest.mark.parametrize(("depth", "arm"), [(1, "last"), (2, "random"), (8, "bn")])
def test_a_run_of_the_depth_crossover_comes_out_again(depth, arm):
    final = load_results("depth_crossover")["final"]
    old = next(r for r in final if (r["depth"], r["arm"], r["seed"]) == (depth, arm, 1))
    splits = ("train", "validation", "test")
    new = sweep_depth.run(depth, arm, old["lr"], 1, splits)
    assert new["trained_numbers"] == old["trained_numbers"]
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)


def all_numbers(result):
    """Return the numbers in nested dicts and lists, in order."""
    if isinstance(result, dict):
        result = [result[key] for key in sorted(result)]
    return [n for part in result for n in all_numbers(part)] if isinstance(result, list) else [result]


def test_running_statistics_hold_every_seed_and_step():
    stored = load_results("running")
    assert [run["seed"] for run in stored["runs"]] == list(sweep_running.SEEDS)
    assert {len(run["along"]) for run in stored["runs"]} == {len(stored["steps"])}
    assert stored["steps"] == list(sweep_running.STEPS)
    assert stored["alphas"] == list(sweep_running.ALPHAS)
    assert stored["settings"] == sweep_running.SETTINGS


def test_a_run_of_the_running_statistics_comes_out_again():
    stored = load_results("running")
    old = next(run for run in stored["runs"] if run["seed"] == 203)
    old["along"] = [old["along"][stored["steps"].index(step)] for step in (3, 39)]
    new = sweep_running.run(203, fashion_tensors(folder=""), steps=(3, 39))
    assert all_numbers(new) == pytest.approx(all_numbers(old), abs=0.05)


def test_identity_holds_every_run():
    runs = [(r["lr"], r["epochs"], r["arm"], r["seed"]) for r in load_results("identity")["runs"]]
    wanted = (sweep_identity.LEARNING_RATES, sweep_identity.EPOCHS, sweep_identity.ARMS, sweep_identity.SEEDS)
    assert sorted(runs) == sorted(itertools.product(*wanted))


@pytest.mark.parametrize(("lr", "arm"), [(0.1, "learned"), (1.0, "learned"), (1.0, "fixed")])
def test_a_run_of_the_identity_comes_out_again(lr, arm):
    runs = load_results("identity")["runs"]
    old = next(r for r in runs if (r["lr"], r["epochs"], r["arm"], r["seed"]) == (lr, 4, arm, 21))
    new = sweep_identity.run(lr, 4, arm, 21)
    splits = ("train", "validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.04)
    for then, now in zip(old["layers"] or [], new["layers"] or [], strict=True):
        assert now["sigma_median"] == pytest.approx(then["sigma_median"], rel=0.1)
        assert now["to_identity"] == pytest.approx(then["to_identity"], abs=0.1)
        assert now["weight_std"] == pytest.approx(then["weight_std"], rel=0.3)
        for name in ("weight_range", "bias_range"):
            assert now[name] == pytest.approx(then[name], abs=0.1)
