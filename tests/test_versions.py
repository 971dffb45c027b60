"""The versions: what is locked fits what is asked for, is what is installed, and runs on the Python that we name."""

import http.server
import re
import threading
from importlib.metadata import distribution
from pathlib import Path

import install_torch
import lock
import playwright
import pytest
import yaml
from conftest import ROOT, SilentHandler
from find_chromium import WITHOUT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

OLDEST = {"python_full_version": f"{lock.OLDEST}.0", "python_version": lock.OLDEST}


def locked_for(environment=None):
    """Return what is locked for a Python, this one if none is named: by name, the requirement and its hashes."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / lock.LOCK).read_text().removeprefix(lock.HEAD).strip()):
        requirement = Requirement(entry.split(" \\\n")[0])
        if requirement.marker is None or requirement.marker.evaluate(environment):
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
            found[canonicalize_name(requirement.name)] = requirement, hashes
    return found


LOCKED = locked_for()
LINES = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
ASKED = [Requirement(line) for line in LINES if line]


@pytest.mark.parametrize("asked", ASKED, ids=lambda requirement: requirement.name)
def test_what_is_asked_for_is_locked_in_a_version_that_fits_with_hashes(asked):
    if asked.name == "torch":  # each index has another file of it
        assert "torch" not in LOCKED
        assert re.fullmatch(r"==[\d.]+", str(asked.specifier))
        return
    locked, hashes = LOCKED[canonicalize_name(asked.name)]
    assert asked.specifier.contains(str(locked.specifier).removeprefix("==")), "run `make lock`"
    assert hashes


def test_what_is_installed_is_what_is_locked():
    different = {}
    for name, (locked, _) in LOCKED.items():
        installed = distribution(name).version
        if not locked.specifier.contains(installed, prereleases=True):
            different[name] = installed, str(locked.specifier)
    assert different == {}
    assert install_torch.is_installed(install_torch.wanted())


def test_the_oldest_python_is_named_alike_everywhere_and_is_the_oldest_that_all_packages_run_on():
    oldest = lock.OLDEST
    before = oldest.replace("11", "10")
    for name in ["README.md", "teach.md", "Makefile"]:
        assert re.findall(r"Python (3\.\d+) or newer", (ROOT / name).read_text()) == [oldest], name
    assert f'requires-python = ">={oldest}"' in (ROOT / "pyproject.toml").read_text()
    for name, (requirement, _) in locked_for(OLDEST).items():
        if requirement.specifier.contains(distribution(name).version, prereleases=True):
            python = SpecifierSet(distribution(name).metadata.get("Requires-Python") or "")
            assert python.contains(f"{oldest}.0"), name
    assert not SpecifierSet(distribution("nbgrader").metadata["Requires-Python"]).contains(f"{before}.19")


def test_workflows_and_ci_install_nothing_by_themselves():
    for path in [*(ROOT / ".github/workflows").glob("*.yml"), ROOT / ".ci/run"]:
        text = path.read_text()
        assert not re.search(r"pip install|apt-get|npm ", text), path
    newest = yaml.safe_load((ROOT / ".github/workflows/newest.yml").read_text())
    commands = [step["run"].split(" #")[0] for step in newest["jobs"]["newest"]["steps"] if "run" in step]
    assert [commands[0], *commands[-2:]] == ["make lock UPGRADE=1", "make test", "make test-slow"]


def test_what_playwright_does_without_in_chromium_we_do_without():
    driver = Path(playwright.__file__).parent / "driver/package/lib/coreBundle.js"
    (features,) = re.findall(r"\bdisabledFeatures = \[(.*?)\]", driver.read_text(), re.S)
    names = re.findall(r'^ *"(\w+)"', features, re.M)
    assert "PaintHolding" in names
    assert set(names) <= set(WITHOUT)


def test_binder_takes_the_locked_versions():
    lines = (ROOT / "binder/requirements.txt").read_text().splitlines()
    assert {"-c constraints.txt", "-c ../requirements.txt"} <= set(lines)
    constraints = (ROOT / lock.CONSTRAINTS).read_text()
    locked = re.sub(r" \\\n +--hash=\S+", "", (ROOT / lock.LOCK).read_text())
    assert set(re.findall(r"^\S+==\S+", locked, re.M)) <= set(re.findall(r"^\S+==\S+", constraints, re.M))
    assert "hash" not in constraints
    assert {"dask", "distributed", "jupyterhub"} <= set(re.findall(r"^([\w-]+)==", constraints, re.M))
    assert f"nbgrader{LOCKED['nbgrader'][0].specifier}\n" in constraints


@pytest.fixture
def index(tmp_path):
    """Serve an index of packages that has torch; return its address."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/index.html").write_text("torch-2.13.0+cpu")

    def handler(*arguments):
        return SilentHandler(*arguments, directory=tmp_path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_torch_comes_without_cuda_where_that_index_answers(index, capsys):
    found = install_torch.index_without_cuda("linux", f"--extra-index-url {index}\n")
    assert found == ["--extra-index-url", index]
    assert capsys.readouterr().err == ""


def test_the_ordinary_torch_is_taken_and_said_where_no_other_index_answers(index, capsys):
    assert install_torch.index_without_cuda("linux", f"--extra-index-url {index}/nothing\n") == []
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "taking the ordinary build" in told
    assert install_torch.index_without_cuda("darwin", f"--extra-index-url {index}\n") == []
    assert install_torch.SECONDS <= 5
