"""The stored runs on overfitting: nothing is missing, and a sample comes out again."""

import numpy as np
import pytest

from bnutils.data import load_results
from experiments import overfitting


def test_overfitting_holds_every_run_with_the_settings_that_validation_chose():
    stored = load_results("overfitting")
    wanted = []
    for share in overfitting.SHARES:
        lrs = overfitting.choose_rates(stored["tuning"], share)
        rates = overfitting.choose_dropout(stored["tuning"], share)
        assert {"share": share, "lr": lrs, "dropout": rates} in stored["chosen"]
        arms = overfitting.final_arms(share, lrs, rates)
        wanted += [
            {"group": None, "rate": None, "share": share, "seed": s} | a for a in arms for s in overfitting.FINAL_SEEDS
        ]
    assert [{key: r[key] for key in wanted[0]} for r in stored["final"]] == wanted
    assert {len(r["test"]) for r in stored["final"]} == {len(overfitting.EPOCHS)}
    assert set(overfitting.TUNING_SEEDS).isdisjoint(overfitting.FINAL_SEEDS)
    assert not any("test" in r for r in stored["tuning"])


@pytest.mark.parametrize(("arm", "group"), [("group", 4), ("group", 128), ("dropout", None)])
def test_a_run_of_the_overfitting_comes_out_again(arm, group):
    stored = load_results("overfitting")["final"]
    runs = [r for r in stored if (r["arm"], r["group"], r["share"], r["seed"]) == (arm, group, 0.3, 41)]
    old = next(r for r in runs if r["lr"] in (0.1, runs[0]["lr"] if len(runs) == 1 else None))
    few = (1, 2, 5, 8, 12)  # epochs
    columns = [overfitting.EPOCHS.index(epoch) for epoch in few]
    new = overfitting.run(arm, 0.3, old["lr"], 41, group, old["rate"], ("validation", "test"), few)
    for key in ("train", "memorized", "validation", "test"):
        assert np.mean(new[key]) == pytest.approx(np.mean([old[key][c] for c in columns]), abs=0.05)
        assert new[key] == pytest.approx([old[key][c] for c in columns], abs=0.1)
