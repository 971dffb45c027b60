"""The stored runs of the limits and the practice: nothing is missing, and a sample comes out again."""

import itertools
import json
import subprocess
import sys

import pytest
from conftest import ROOT

from bnutils.data import load_results
from experiments import batch_size, sync_statistics


def check(key, names, arms, grid, tuning_seeds, seeds):
    """Every arm was tuned over its whole grid, and ran with the rate that validation chose."""
    stored = load_results("batch_size")
    tuned = [(*(r[name] for name in names), r["lr"], r["seed"]) for r in stored[f"{key}_tuning"]]
    assert sorted(tuned) == sorted((*arm, lr, seed) for arm in arms for lr in grid(arm) for seed in tuning_seeds)
    assert not any("test" in r for r in stored[f"{key}_tuning"])
    ran = [(*(r[name] for name in names), r["lr"], r["seed"]) for r in stored[key]]
    chosen = {arm: batch_size.best(stored[f"{key}_tuning"], **dict(zip(names, arm, strict=True))) for arm in arms}
    assert sorted(ran) == sorted((*arm, lr, seed) for arm, lr in chosen.items() for seed in seeds)
    assert set(tuning_seeds).isdisjoint(seeds)


def test_the_sizes_hold_every_run_with_the_rate_that_validation_chose():
    arms, seeds = batch_size.SIZE_ARMS, (batch_size.SIZE_TUNING_SEEDS, batch_size.SEEDS)
    check("sizes", ("norm", "size", "epochs"), arms, lambda arm: batch_size.RATES[arm[1]], *seeds)


def test_freezing_holds_every_run_with_the_rate_that_validation_chose():
    seeds = batch_size.TUNE_TUNING_SEEDS, batch_size.TUNE_SEEDS
    check("freezing", ("arm", "size", "epochs"), batch_size.TUNE_PAIRS, lambda _: batch_size.TUNE_RATES, *seeds)


def test_the_orders_hold_every_run_with_the_rate_that_validation_chose():
    arms = list(itertools.product((False, True), batch_size.ORDER_EPOCHS))
    seeds = batch_size.ORDER_TUNING_SEEDS, batch_size.ORDER_SEEDS
    check("order", ("norm_last", "epochs"), arms, lambda _: batch_size.ORDER_RATES, *seeds)


def test_the_mates_and_the_dropout_hold_every_run():
    stored, mates = load_results("batch_size"), batch_size.MATES
    runs = [(r["task"], r["norm"], r["lr"], r["seed"], r["steps"]) for r in stored["mates"]]
    arms = itertools.product(batch_size.MATE_ARMS, mates["rates"], batch_size.SEEDS, mates["steps"])
    assert runs == [(*arm, *rest) for arm, *rest in arms]
    runs = [(r["epochs"], r["share"], r["seed"]) for r in stored["dropout"]]
    assert runs == list(itertools.product(batch_size.DROPOUT_EPOCHS, batch_size.DROPOUTS, batch_size.SEEDS))


def test_of_equally_good_rates_the_one_in_the_middle_is_chosen():
    runs = [{"lr": lr, "validation": score} for lr, score in [(0.01, 0.8), (0.1, 0.8), (1.0, 0.7)]]
    assert batch_size.best(runs) == 0.1
    assert batch_size.best([*runs, {"lr": 10.0, "validation": 0.81}]) == 10.0


def find(key, **wanted):
    """Return the first stored run that has these values."""
    return next(r for r in load_results("batch_size")[key] if wanted.items() <= r.items())


@pytest.mark.parametrize(("norm", "size"), [("BN", 16), ("LN", 64)])
def test_a_run_of_the_batch_sizes_comes_out_again(norm, size):
    old = find("sizes", norm=norm, size=size, epochs=3, seed=1)
    new = batch_size.run_size(norm, size, 3, old["lr"], 1, ["validation", "test"])
    splits = ("validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)


@pytest.mark.parametrize(("task", "norm"), [("neighbour", "LN"), ("one class each", "BN"), ("fixed pairs", "BN")])
def test_a_run_with_batch_mates_comes_out_again(task, norm):
    old = find("mates", task=task, norm=norm, lr=0.1, seed=2, steps=300)
    new = batch_size.run_mates(task, norm, 0.1, 2, (300,))[0]
    for key in ("as_trained", "evaluation", "recalibrated"):
        assert new[key] == pytest.approx(old[key], abs=0.06)


@pytest.mark.parametrize("arm", ["unfrozen", "adapted, frozen"])
def test_a_run_of_fine_tuning_comes_out_again(arm):
    old = find("freezing", arm=arm, size=16, epochs=10, seed=3)
    new = batch_size.run_tune(arm, 16, 10, old["lr"], 3, ["validation", "test"])
    splits = ("validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.08)


def test_a_run_with_the_norm_last_comes_out_again():
    old = find("order", norm_last=True, epochs=5, seed=3)
    assert batch_size.run_order(True, 5, old["lr"], 3, ["test"])["test"] == pytest.approx(old["test"], abs=0.05)


def test_a_run_with_dropout_comes_out_again():
    old = find("dropout", share=0.5, epochs=5, seed=2)
    new = batch_size.run_dropout(0.5, 5, 2)
    assert new["variance_ratio"] == pytest.approx(old["variance_ratio"], abs=0.05)
    assert new["test"] == pytest.approx(old["test"], abs=0.05)
    assert new["test_recalibrated"] == pytest.approx(old["test_recalibrated"], abs=0.05)


@pytest.mark.slow
def test_two_processes_share_their_statistics_again():
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=localhost"]
    command += ["--nproc_per_node", "2", "experiments/sync_statistics.py", "--print"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stderr
    new, old = json.loads(run.stdout), load_results("sync_statistics")
    for split in sync_statistics.SPLITS:
        for key in ("mean_shared", "var_shared", "output", "gradient"):
            assert max(new[split][key], old[split][key]) < 1e-14
        assert new[split]["var_averaged"] == pytest.approx(old[split]["var_averaged"], rel=1e-6)
    for case in ("ddp", "ddp_not_copied"):
        for moment in ("before_step_1", "after_step_1", "before_step_2"):
            assert new[case][moment] == pytest.approx(old[case][moment], rel=1e-6)
    assert new["refused"].startswith("ValueError: SyncBatchNorm expected input tensor to be on GPU")
