"""The stored runs of the identity: nothing is missing, and a sample comes out again."""

import itertools

import pytest

from bnutils.data import load_results
from experiments import identity


def test_identity_holds_every_run():
    runs = [(r["lr"], r["budget"], r["arm"], r["seed"]) for r in load_results("identity")["runs"]]
    wanted = (identity.LEARNING_RATES, identity.BUDGETS, identity.ARMS, identity.SEEDS)
    assert sorted(runs) == sorted(itertools.product(*wanted))


@pytest.mark.parametrize(("lr", "arm"), [(0.1, "learned"), (1.0, "learned"), (1.0, "fixed")])
def test_a_run_of_the_identity_comes_out_again(lr, arm):
    runs = load_results("identity")["runs"]
    old = next(r for r in runs if (r["lr"], r["budget"], r["arm"], r["seed"]) == (lr, 5, arm, 21))
    (new,) = identity.run(lr, arm, 21, (5,))
    splits = ("train", "validation", "test")
    assert [new[split] for split in splits] == pytest.approx([old[split] for split in splits], abs=0.04)
    for then, now in zip(old["layers"] or [], new["layers"] or [], strict=True):
        assert now["sigma_median"] == pytest.approx(then["sigma_median"], rel=0.1)
        for name in ("sigma_growth", "norm_growth"):
            assert now[name] == pytest.approx(then[name], rel=0.1)
        assert now["to_identity"] == pytest.approx(then["to_identity"], abs=0.1)
        assert now["weight_std"] == pytest.approx(then["weight_std"], rel=0.3)
        for name in ("weight_range", "bias_range"):
            assert now[name] == pytest.approx(then[name], abs=0.1)
