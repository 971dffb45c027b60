"""The stored running statistics: nothing is missing, and a sample comes out again."""

import pytest

from bnutils.data import load_results
from bnutils.training import fashion_tensors
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
    assert stored["settings"] == running.SETTINGS


def test_a_run_of_the_running_statistics_comes_out_again():
    stored = load_results("running")
    old = next(run for run in stored["runs"] if run["seed"] == 203)
    old["along"] = [old["along"][stored["steps"].index(step)] for step in (3, 39)]
    new = running.run(203, fashion_tensors(folder=""), steps=(3, 39))
    assert all_numbers(new) == pytest.approx(all_numbers(old), abs=0.05)
