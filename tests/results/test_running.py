"""The stored running statistics: nothing is missing, and a sample comes out again."""

import itertools

import pytest
import torch

from bnutils.data import load_results
from experiments import running


def all_numbers(result):
    """Return the numbers in nested dicts and lists, in order."""
    if isinstance(result, dict):
        result = [result[key] for key in sorted(result)]
    return [n for part in result for n in all_numbers(part)] if isinstance(result, list) else [result]


def test_running_statistics_hold_every_seed_and_step():
    stored = load_results("running")
    assert [run["seed"] for run in stored["runs"]] == list(running.SEEDS)
    assert {len(run["along"]) for run in stored["runs"]} == {len(stored["steps"])}
    assert stored["steps"] == list(running.STEPS)
    assert stored["alphas"] == list(running.ALPHAS)
    assert {tuple(end["budget"] for end in run["ends"]) for run in stored["runs"]} == {running.BUDGETS}


def test_running_statistics_hold_every_run_on_pairs_with_the_rate_that_validation_chose():
    stored, keys = load_results("running"), ("arm", "budget", "lr", "seed")
    tuned, tested = (sorted(tuple(r[key] for key in keys) for r in stored[f"pairs_{p}"]) for p in ("tuning", "final"))
    cases = list(itertools.product(running.PAIR_ARMS, running.BUDGETS))
    rates, tuning, final = running.PAIR_RATES, running.PAIR_TUNING_SEEDS, running.PAIR_FINAL_SEEDS
    assert tuned == sorted((*c, lr, seed) for c in cases for lr in rates for seed in tuning)
    assert tested == sorted((*c, running.best_lr(stored["pairs_tuning"], *c), seed) for c in cases for seed in final)


@pytest.mark.parametrize("arm", running.PAIR_ARMS)
def test_batches_of_pairs_hold_what_the_arm_says(arm):
    labels = torch.arange(10).repeat(100)
    batches = running.epoch_batches(arm, labels, torch.Generator().manual_seed(0))
    assert batches.shape == ((2, 500) if arm == "synchronized" else (10, 100))
    assert sorted(batches.flatten().tolist()) == list(range(1000))
    held = {tuple(labels[batch].unique().tolist()) for batch in batches}
    pairs = {(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)}
    assert held == (pairs if arm in ("pairs", "groups") else {tuple(range(10))})


def test_a_run_on_pairs_comes_out_again():
    case = {"arm": "pairs", "budget": 5, "lr": 0.03, "seed": 210}
    old = next(r for r in load_results("running")["pairs_tuning"] if case.items() <= r.items())
    (new,) = running.run_pairs("pairs", 0.03, 210, (5,))
    assert new["validation"] == pytest.approx(old["validation"], abs=0.06)


def take_far(run):
    """Take out what the two smallest weights give: statistics near their start, where a CPU's last digits count."""
    cases = [case["running"] for name, case in run["ends"][0].items() if name.startswith(("constant", "decayed"))]
    return [case.pop() for case in cases for _ in range(2)]


@pytest.mark.slow
def test_a_run_of_the_running_statistics_comes_out_again():
    stored = load_results("running")
    old = next(run for run in stored["runs"] if run["seed"] == 203)
    old["along"] = [old["along"][stored["steps"].index(step)] for step in (3, 39)]
    old["ends"] = old["ends"][:1]
    new = running.run(203, (5,), steps=(3, 39))
    assert take_far(new) == pytest.approx(take_far(old), abs=0.15)
    assert all_numbers(new) == pytest.approx(all_numbers(old), abs=0.05)
