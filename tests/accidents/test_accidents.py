"""A process is killed, the disk is full, two grade at once: nothing is lost, nothing there twice, and no row false."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT

from accidents.conftest import assert_all_end, begin, filled, outcome_of, output_of, wait_for, workers_among

HERE = Path(__file__).parent
MOUNT = ["unshare", "--mount"]


def answers_left(process):
    """Return the folders of answers that a process, or one that it has started, has left behind."""
    return list(Path(tempfile.gettempdir()).glob(f"answer-{process.pid}-*"))


def test_a_worker_is_killed_and_the_run_ends_as_if_nothing_had_happened(handed_in, course, undisturbed):
    run = begin(handed_in, course)
    worker = workers_among(wait_for(2, course, run))[0]
    worker.kill()
    assert run.wait() == 1
    assert outcome_of(course) == undisturbed


def test_the_main_process_is_killed_and_the_next_run_goes_on(handed_in, course, undisturbed):
    run = begin(handed_in, course)
    processes = wait_for(4, course, run)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert_all_end(processes)
    assert not (course / "grades.csv").exists()
    kept = {path: path.stat().st_mtime_ns for path in course.glob("verdicts/.unfinished/*/*.json")}
    again = begin(handed_in, course, seed=None)  # it takes the seed of the one that was killed
    assert again.wait() == 1
    assert f"What it has judged is kept: {len(kept)} submissions" in output_of(course)
    assert outcome_of(course) == undisturbed


def test_ctrl_c_ends_all_with_one_sentence_and_the_next_run_goes_on(handed_in, course, undisturbed):
    run = begin(handed_in, course)
    processes = wait_for(3, course, run)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(timeout=30) == 130
    assert_all_end(processes)
    assert "Interrupted. What was judged is kept" in output_of(course)
    assert "Traceback" not in output_of(course)
    assert begin(handed_in, course, seed=None).wait() == 1
    assert outcome_of(course) == undisturbed
    assert [folder for process in processes for folder in answers_left(process)] == []


def test_a_run_that_is_killed_while_it_records_is_recorded_by_the_next(handed_in, course, undisturbed):
    dies = "from grading import record\nimport os\nrecord.write_tables = lambda course: os.kill(os.getpid(), 9)\n"
    dies += "from grading.grade import main\nmain()"
    command = [sys.executable, "-c", dies, str(handed_in), "--course", str(course), "--seed", "7", "--jobs", "2"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == -signal.SIGKILL
    assert not (course / "grades.csv").exists()
    assert begin(handed_in, course, seed=None).wait() == 1
    assert outcome_of(course) == undisturbed


@pytest.mark.parametrize("room", [100, 700])
def test_a_full_disk_stops_the_run_and_harms_nothing(handed_in, course, undisturbed, tmp_path, room):
    """With room for little, the disk is full while answers run; with more, while all is recorded."""
    if os.geteuid() != 0 or subprocess.run([*MOUNT, "mount", "-t", "tmpfs", "none", "/mnt"]).returncode:
        pytest.skip("only who may mount can have a small disk")
    assert begin(handed_in, course).wait() == 1
    (course / "grades.csv").write_text((course / "grades.csv").read_text().replace("wrong0", "earlier"))
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    out.mkdir()
    grade = f"{sys.executable} -m grading '{handed_in}' --course {disk}/course --jobs 2"
    script = f"""
        mount -t tmpfs -o size=20m none {disk} && cp -r {course} {disk}/course || exit 9
        free=$(df --output=avail --block-size=1k {disk} | tail -1)
        head -c $(((free - {room}) * 1024)) /dev/zero > {disk}/filler || exit 9
        {grade} --seed 8 > {out}/first.txt 2>&1; echo $? > {out}/first
        cp {disk}/course/grades.csv {out}/; rm {disk}/filler
        {grade} --seed 7 > {out}/second.txt 2>&1; echo $? > {out}/second
        cp -r {disk}/course {out}/course
    """
    assert subprocess.run([*MOUNT, "sh", "-c", script], cwd=ROOT).returncode == 0
    assert (out / "first").read_text().strip() == "2"
    assert "The grading has stopped: " in (out / "first.txt").read_text()
    assert "Traceback" not in (out / "first.txt").read_text()
    assert (out / "grades.csv").read_text() == (course / "grades.csv").read_text()
    assert (out / "second").read_text().strip() == "1", (out / "second.txt").read_text()
    assert outcome_of(out / "course") == undisturbed


def test_of_two_runs_at_once_one_says_so_and_does_nothing(handed_in, course, undisturbed):
    first = begin(handed_in, course)
    wait_for(1, course, first)
    due = ["grading.dates", "forward", "--due", "2027-01-01 00:00 UTC"]
    for options in (["grading", str(handed_in)], ["grading", "--feedback"], due, ["grading.fresh"]):
        command = [sys.executable, "-m", *options, "--course", str(course)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert second.returncode == 2
        assert "is being graded already" in second.stderr
    assert first.wait() == 1
    assert outcome_of(course) == undisturbed


def test_a_notebook_that_kills_its_worker_costs_nobody_else_a_point(handed_in, course, undisturbed, tmp_path):
    folder = shutil.copytree(handed_in, tmp_path / "handed in")
    (folder / "killer").mkdir()
    (folder / "killer/forward.ipynb").write_text(filled(course, "'this kills who reads it'"))
    assert begin(folder, course, path=str(HERE / "poison")).wait() == 1
    outcome = outcome_of(course)
    (row,) = [row for row in outcome.rows if row["student"] == "killer"]
    assert row["status"].startswith("NOT GRADED: the process that judged it has died")
    assert [row for row in outcome.rows if row["student"] != "killer"] == undisturbed.rows
    assert (outcome.points, outcome.pages) == (undisturbed.points, undisturbed.pages)


def test_verdicts_of_several_machines_are_merged_by_copying(handed_in, course, undisturbed, tmp_path):
    other = shutil.copytree(course, tmp_path / "other" / "course")
    students = sorted(path.name for path in handed_in.iterdir())
    for place, half in ((course, students[::2]), (other, students[1::2])):
        folder = tmp_path / "parts" / str(len(half)) / place.parent.name
        for student in half:
            shutil.copytree(handed_in / student, folder / student)
        assert begin(folder, place).wait() in (0, 1)
    shutil.copytree(other / "verdicts", course / "verdicts", dirs_exist_ok=True)
    before = {path: path.read_text() for path in course.glob("verdicts/*/*.json")}
    assert begin(handed_in, course).wait() == 1
    assert {path: path.read_text() for path in course.glob("verdicts/*/*.json")} == before  # not judged again
    assert outcome_of(course) == undisturbed
