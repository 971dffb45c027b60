"""The stored runs of the limits and the practice: nothing is missing, and a sample comes out again."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

from bnutils.data import load_results
from bnutils.training import fashion_tensors
from experiments import batch_size, sync_statistics


def test_batch_size_holds_every_run_with_the_rate_that_validation_chose():
    stored = load_results("batch_size")
    rates = {(n, s): batch_size.best(stored["sizes_tuning"], norm=n, size=s) for n, s in batch_size.SIZE_ARMS}
    runs = [(r["norm"], r["size"], r["seed"], r["lr"]) for r in stored["sizes"]]
    assert sorted(runs) == sorted((*arm, seed, lr) for arm, lr in rates.items() for seed in batch_size.SEEDS)
    rates = {(a, s): batch_size.best(stored["freezing_tuning"], arm=a, size=s) for a, s in batch_size.TUNE_PAIRS}
    runs = [(r["arm"], r["size"], r["seed"], r["lr"]) for r in stored["freezing"]]
    assert sorted(runs) == sorted((*arm, seed, lr) for arm, lr in rates.items() for seed in batch_size.SEEDS)
    runs = [(r["task"], r["norm"], r["seed"]) for r in stored["mates"]]
    assert sorted(runs) == sorted((*arm, seed) for arm in batch_size.MATE_ARMS for seed in batch_size.SEEDS)
    assert set(batch_size.TUNING_SEEDS).isdisjoint(batch_size.SEEDS)


@pytest.mark.parametrize(("norm", "size"), [("BN", 16), ("LN", 64)])
def test_a_run_of_the_batch_sizes_comes_out_again(norm, size):
    old = next(r for r in load_results("batch_size")["sizes"] if (r["norm"], r["size"], r["seed"]) == (norm, size, 1))
    new = batch_size.run_size(norm, size, old["lr"], 1, fashion_tensors(folder=""), ["validation", "test"])
    splits = ("validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.06)


@pytest.mark.parametrize(("task", "norm"), [("neighbour", "LN"), ("one class each", "BN")])
def test_a_run_with_batch_mates_comes_out_again(task, norm):
    wanted = (task, norm, 2)
    old = next(r for r in load_results("batch_size")["mates"] if (r["task"], r["norm"], r["seed"]) == wanted)
    new = batch_size.run_mates(*wanted, fashion_tensors(folder=""))
    for key in ("as_trained", "evaluation", "recalibrated"):
        assert new[key] == pytest.approx(old[key], abs=0.06)


@pytest.mark.parametrize("arm", ["unfrozen", "adapted, frozen"])
def test_a_run_of_fine_tuning_comes_out_again(arm):
    old = next(r for r in load_results("batch_size")["freezing"] if (r["arm"], r["size"], r["seed"]) == (arm, 16, 3))
    data = fashion_tensors(folder="")
    model = batch_size.pretrain(3, data)
    new = batch_size.run_tune(model, arm, 16, old["lr"], 3, data, ["validation", "test"])
    splits = ("validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.08)


def test_a_run_with_dropout_comes_out_again():
    old = next(r for r in load_results("batch_size")["dropout"] if (r["share"], r["seed"]) == (0.5, 2))
    new = batch_size.run_dropout(0.5, 2, fashion_tensors(folder=""))
    assert new["variance_ratio"] == pytest.approx(old["variance_ratio"], abs=0.05)
    assert new["test"] == pytest.approx(old["test"], abs=0.05)
    assert new["test_recalibrated"] == pytest.approx(old["test_recalibrated"], abs=0.05)


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
    for moment in ("before_step_1", "after_step_1", "before_step_2"):
        assert new["ddp"][moment] == pytest.approx(old["ddp"][moment], rel=1e-6)
    assert new["refused"].startswith("ValueError: SyncBatchNorm expected input tensor to be on GPU")
