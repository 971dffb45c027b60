"""Dask's workers judge: what comes out is the same, also where one is killed, or by a notebook that kills them all."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import dask
import pytest
from conftest import ROOT
from distributed import LocalCluster

from accidents.conftest import SEED, outcome_of
from grading.engine import Cluster, Lost
from grading.grade import grade

HERE = Path(__file__).parent


@pytest.fixture
def cluster():
    """Return a cluster of two workers on this machine."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 2}):
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            yield cluster


def test_a_killed_worker_loses_nothing(cluster, handed_in, course, undisturbed):
    def kill():
        while len(list(course.glob("verdicts/.unfinished/*/*.json"))) < 3:
            time.sleep(0.01)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        killed.append(True)

    killed = []
    threading.Thread(target=kill, daemon=True).start()
    grade(handed_in, course, seed=SEED, scheduler=cluster.scheduler_address)
    assert killed
    assert outcome_of(course) == undisturbed


def die_of(task):
    """Return twice the task, or die of it."""
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * task


def test_what_kills_all_workers_is_lost_alone(cluster):
    found = dict(Cluster(cluster.scheduler_address).run(die_of, range(8)))
    assert isinstance(found.pop(3), Lost)
    assert found == {n: 2 * n for n in range(8) if n != 3}


def test_an_address_without_a_scheduler_is_refused(handed_in, course):
    with pytest.raises(ValueError, match="SCHEDULER must be the address of a Dask scheduler"):
        grade(handed_in, course, scheduler="tcp://127.0.0.1:1")


def test_the_commands_of_the_page_about_teaching_grade_a_class(handed_in, course, undisturbed, tmp_path):
    """A scheduler and workers, as they are started on other machines."""
    dask = str(Path(sys.executable).with_name("dask"))
    file = tmp_path / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tools/lean")])}
    commands = [
        [dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
        [dask, "worker", "--scheduler-file", str(file), "--nthreads", "1", "--nworkers", "2", "--no-dashboard"],
    ]
    running = [subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) for command in commands]
    try:
        while not file.exists() or not (text := file.read_text()).strip().endswith("}"):
            time.sleep(0.1)
        address = text.split('"address": "')[1].split('"')[0]
        command = [sys.executable, "-m", "grading", str(handed_in), "--course", str(course), "--scheduler", address]
        assert subprocess.run([*command, "--seed", str(SEED)], cwd=ROOT, env=environment).returncode == 1
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait()
    assert outcome_of(course) == undisturbed
