"""Every stored experiment names its budgets, grid, seeds, initial weights and data, and its runs keep to them.

The rule is a function that returns its violations; below, it is seen to report broken samples.
"""

import copy
import json

import pytest

from bnutils.data import RESULTS

STORED = {path.stem: json.loads(path.read_text("utf8")) for path in sorted(RESULTS.glob("*.json"))}
PARTS = {"budgets": dict, "rates": dict | list, "seeds": dict, "initial_weights": dict, "data": str}


def found_under(key, results):
    """Return the set of all numbers stored under a key, at any depth, but for those of the protocol."""
    if isinstance(results, list):
        return set().union(*(found_under(key, part) for part in results)) if results else set()
    if not isinstance(results, dict):
        return set()
    here = {results[key]} if isinstance(results.get(key), int | float) else set()
    return here.union(*(found_under(key, part) for name, part in results.items() if name != "protocol"))


def protocol_is_kept(results):
    """A file has one protocol, or one for each of its experiments, whose runs begin with the experiment's name."""
    protocol = results.get("protocol", {})
    if protocol and all(isinstance(part, dict) and "budgets" in part for part in protocol.values()):
        parts = {name: {k: v for k, v in results.items() if k.split("_")[0] == name} for name in protocol}
        lost = [f"no runs of {name}" for name, part in parts.items() if not part]
        return lost + [f for name in protocol for f in protocol_is_kept(parts[name] | {"protocol": protocol[name]})]
    if list(protocol) != list(PARTS):
        return [f"the protocol has the parts {list(protocol)}, not {list(PARTS)}"]
    broken = [name for name, kind in PARTS.items() if not isinstance(protocol[name], kind)]
    broken += [name for name in PARTS if name != "rates" and not protocol[name]]  # rates: none where nothing is trained
    if broken:
        return [f"empty, or of another type: {broken}"]
    budgets, rates, seeds = protocol["budgets"], protocol["rates"], protocol["seeds"]
    if list(budgets) != ["unit", "values"] or budgets["unit"] not in ("epochs", "steps") or not budgets["values"]:
        return [f"budgets: {budgets}"]
    if list(seeds) != ["tuning", "final"] or not seeds["final"]:
        return [f"seeds: {seeds}"]
    grid = set(rates) if isinstance(rates, list) else set().union(*rates.values())
    found = [f"seed {seed} tunes and tests" for seed in set(seeds["tuning"]) & set(seeds["final"])]
    named = {"budget": set(budgets["values"]), "lr": grid, "seed": {*seeds["tuning"], *seeds["final"]}}
    for key, allowed in named.items():
        found += [f"{key} {value} is in no protocol" for value in sorted(found_under(key, results) - allowed)]
    used = {"budget": found_under("budget", results), "seed": found_under("seed", results)}
    for key, values in used.items():
        found += [f"{key} {value} has no run" for value in sorted(named[key] - values) if values]
    words = protocol["initial_weights"].values()
    return found + [f"no words: {word!r}" for word in [*words, protocol["data"]] if len(str(word).split()) < 2]


@pytest.mark.parametrize("name", sorted(STORED))
def test_a_stored_experiment_keeps_to_its_protocol(name):
    assert protocol_is_kept(STORED[name]) == []


SAMPLE = {
    "protocol": {
        "budgets": {"unit": "epochs", "values": [5, 20]},
        "rates": [0.1, 1.0],
        "seeds": {"tuning": [1], "final": [2]},
        "initial_weights": {"all": "torch's own"},
        "data": "5,000 images",
    },
    "tuning": [{"lr": 0.1, "seed": 1, "budget": 5}, {"lr": 1.0, "seed": 1, "budget": 20}],
    "final": [{"lr": 0.1, "seed": 2, "budget": 5}],
}


def test_a_sample_keeps_to_its_protocol():
    assert protocol_is_kept(SAMPLE) == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("protocol",), {}, "the protocol has the parts"),
        (("protocol", "data"), "", "empty, or of another type: ['data']"),
        (("protocol", "budgets", "unit"), "hours", "budgets: "),
        (("protocol", "budgets", "values"), [5, 20, 40], "budget 40 has no run"),
        (("protocol", "budgets", "values"), [5], "budget 20 is in no protocol"),
        (("protocol", "rates"), {"bn": [0.1]}, "lr 1.0 is in no protocol"),
        (("protocol", "seeds", "tuning"), [1, 2], "seed 2 tunes and tests"),
        (("protocol", "seeds", "final"), [2, 3], "seed 3 has no run"),
        (("protocol", "initial_weights", "all"), "He", "no words: 'He'"),
        (("final", 0, "seed"), 7, "seed 7 is in no protocol"),
    ],
)
def test_a_broken_protocol_is_reported(path, value, complaint):
    broken = copy.deepcopy(SAMPLE)
    part = broken
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert any(line.startswith(complaint) for line in protocol_is_kept(broken))


def test_each_experiment_of_a_file_keeps_to_a_protocol_of_its_own():
    runs = {"wide_tuning": SAMPLE["tuning"], "wide": SAMPLE["final"]}
    two = {"protocol": {"wide": SAMPLE["protocol"]}, **runs}
    assert protocol_is_kept(two) == []
    assert (
        protocol_is_kept({"protocol": two["protocol"] | {"deep": SAMPLE["protocol"]}, **runs})[0] == "no runs of deep"
    )
    other = {**two, "wide": [{"lr": 0.1, "seed": 9, "budget": 5}]}
    assert "seed 9 is in no protocol" in protocol_is_kept(other)
