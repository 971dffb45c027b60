"""The stored runs on overfitting: nothing is missing, and a sample comes out again."""

import numpy as np
import pytest

from bnutils.data import load_results
from experiments import overfitting


def test_overfitting_holds_every_run_with_the_settings_that_validation_chose():
    stored = load_results("overfitting")
    keys = ("share", "arm", "group", "lr", "rate")
    settings = [tuple(r[key] for key in keys) for r in stored["final"]]
    wanted = []
    for share in overfitting.SHARES:
        lrs = {
            arm: overfitting.best(stored["tuning"], "lr", overfitting.LEARNING_RATES, arm=arm, share=share, rate=None)
            for arm in ("none", "group", "layer")
        }
        rates = {
            arm: overfitting.best(stored["tuning"], "rate", overfitting.DROPOUT_RATES, arm=arm, share=share)
            for arm in ("dropout", "both")
        }
        assert {"share": share, "rates": rates} | lrs in stored["chosen"]
        wanted += [(share, "none", None, lr, None) for lr in stored["settings"]["learning_rates"] if share == 0]
        wanted += [(share, "none", None, lrs["none"], None)] if share else []
        wanted += [(share, "group", group, lrs["group"], None) for group in overfitting.GROUPS]
        wanted += [(share, "layer", None, lrs["layer"], None)]
        wanted += [(share, "dropout", None, lrs["none"], rates["dropout"])]
        wanted += [(share, "both", 128, lrs["group"], rates["both"])]
    assert settings == [one for one in wanted for _ in overfitting.FINAL_SEEDS]
    assert [r["seed"] for r in stored["final"]] == [*overfitting.FINAL_SEEDS] * len(wanted)
    assert set(overfitting.TUNING_SEEDS).isdisjoint(overfitting.FINAL_SEEDS)


@pytest.mark.parametrize(("arm", "group"), [("group", 4), ("group", 128), ("dropout", None)])
def test_a_run_of_the_overfitting_comes_out_again(arm, group, monkeypatch):
    stored = load_results("overfitting")["final"]
    old = next(r for r in stored if (r["arm"], r["group"], r["share"], r["seed"]) == (arm, group, 0.3, 41))
    few = (1, 2, 5, 8, 12)  # epochs
    columns = [overfitting.EPOCHS.index(epoch) for epoch in few]
    monkeypatch.setattr(overfitting, "EPOCHS", few)
    new = overfitting.run(arm, 0.3, old["lr"], 41, group, old["rate"], ("validation", "test"))
    for key in ("train", "memorized", "validation", "test"):
        assert np.mean(new[key]) == pytest.approx(np.mean([old[key][c] for c in columns]), abs=0.05)
        assert new[key] == pytest.approx([old[key][c] for c in columns], abs=0.1)
