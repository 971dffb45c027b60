"""The stored sweep over the learning rate: nothing is missing, and a sample comes out again."""

import pytest

from bnutils.data import load_results
from experiments import learning_rate


def test_learning_rate_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("learning_rate")
    tuned = sorted((r["setting"], r["arm"], r["lr"], r["seed"]) for r in stored["tuning"])
    pairs = [(s, arm) for s in learning_rate.SETTINGS for arm in learning_rate.ARMS]
    tuning, final = learning_rate.TUNING_SEEDS, learning_rate.FINAL_SEEDS
    assert tuned == sorted((*p, lr, seed) for p in pairs for lr in learning_rate.rates(p[0]) for seed in tuning)
    chosen = {p: learning_rate.best_lr(stored["tuning"], *p) for p in pairs}
    tested = sorted((r["setting"], r["arm"], r["lr"], r["seed"]) for r in stored["final"])
    assert tested == sorted((*p, lr, seed) for p, lr in chosen.items() for seed in final)
    assert set(tuning).isdisjoint(final)


@pytest.mark.parametrize(("setting", "arm"), [("he_standardized", "plain"), ("adam", "bn"), ("sigmoid", "bn")])
def test_a_run_of_the_learning_rates_comes_out_again(setting, arm):
    final = load_results("learning_rate")["final"]
    old = next(r for r in final if (r["setting"], r["arm"], r["seed"]) == (setting, arm, 40))
    new = learning_rate.run(setting, arm, old["lr"], 40, ("validation", "test"))
    assert [new[s] for s in ("validation", "test")] == pytest.approx([old[s] for s in ("validation", "test")], abs=0.04)


@pytest.mark.parametrize(("arm", "low", "high"), [("plain", 0.05, 0.2), ("bn", 0.75, 0.95)])
def test_learning_rate_one_separates_the_arms_again(arm, low, high):
    runs = load_results("learning_rate")["tuning"]
    old = next(r for r in runs if (r["setting"], r["arm"], r["lr"]) == ("he_standardized", arm, 1.0))
    new = learning_rate.run("he_standardized", arm, 1.0, old["seed"])
    assert low < old["validation"] < high
    assert low < new["validation"] < high
