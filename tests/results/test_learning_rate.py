"""The stored sweep over the learning rate: nothing is missing, and a sample comes out again."""

import itertools

import pytest

from bnutils.data import load_results
from experiments import learning_rate


def test_learning_rate_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("learning_rate")
    keys = ("setting", "arm", "budget", "lr", "seed")
    tuned, tested = (sorted(tuple(r[key] for key in keys) for r in stored[part]) for part in ("tuning", "final"))
    cases = list(itertools.product(learning_rate.SETTINGS, learning_rate.ARMS, learning_rate.BUDGETS))
    tuning, final = learning_rate.TUNING_SEEDS, learning_rate.FINAL_SEEDS
    assert tuned == sorted((*c, lr, seed) for c in cases for lr in learning_rate.rates(c[0]) for seed in tuning)
    assert tested == sorted((*c, learning_rate.best_lr(stored["tuning"], *c), seed) for c in cases for seed in final)


@pytest.mark.parametrize(("setting", "arm"), [("he_standardized", "plain"), ("adam", "bn"), ("sigmoid", "bn")])
def test_a_run_of_the_learning_rates_comes_out_again(setting, arm):
    final = load_results("learning_rate")["final"]
    case = {"setting": setting, "arm": arm, "seed": 40, "budget": 5}
    old = next(r for r in final if case.items() <= r.items())
    (new,) = learning_rate.run(setting, arm, old["lr"], 40, (5,), ("validation", "test"))
    assert [new[s] for s in ("validation", "test")] == pytest.approx([old[s] for s in ("validation", "test")], abs=0.04)


@pytest.mark.parametrize(("arm", "low", "high"), [("plain", 0.05, 0.2), ("bn", 0.75, 0.95)])
def test_learning_rate_one_separates_the_arms_again(arm, low, high):
    case = {"setting": "he_standardized", "arm": arm, "lr": 1.0, "budget": 5}
    old = next(r for r in load_results("learning_rate")["tuning"] if case.items() <= r.items())
    (new,) = learning_rate.run("he_standardized", arm, 1.0, old["seed"], (5,))
    assert low < old["validation"] < high
    assert low < new["validation"] < high


def test_a_budget_on_the_way_is_the_same_as_a_run_of_that_budget():
    alone = learning_rate.run("he_standardized", "bn", 1.0, 40, (2,))
    on_the_way = learning_rate.run("he_standardized", "bn", 1.0, 40, (2, 3))
    assert on_the_way[0] == alone[0]
    assert [r["budget"] for r in on_the_way] == [2, 3]


def test_a_copy_of_the_network_takes_the_state_of_adam_along():
    first = learning_rate.run("adam", "bn", 0.001, 40, (3,))
    assert learning_rate.run("adam", "bn", 0.001, 40, (2, 3))[1] == first[0]  # the copy leaves the run alone
