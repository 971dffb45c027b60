"""The first ten minutes of a teacher, as the page "Teaching with this book" tells them, in a fresh copy."""

import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from urllib.request import urlopen

import pytest
from conftest import run
from test_course import FIRST_TEN_MINUTES, TOLD

from grading.course import NAMES

POINTS = {"158 and 50000": ("3", "Well seen."), "nobody divides by zero": ("1", "And in which unit?")}


def rows_of(folder):
    with (folder / "assignments/grades.csv").open() as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def answer_to(tab, method, path):
    """Wait, at the end of a with block, for the server's answer to a request."""
    return tab.expect_response(lambda answer: answer.request.method == method and path in answer.url)


def grade_by_hand(browser, address):
    """Give points and comments for the written answers in formgrader, in the browser."""
    tab = browser.new_page()
    tab.goto(f"{address}/?token=ten-minutes")
    tab.wait_for_url("**/formgrader/gradebook*")  # where the command opens it
    assert tab.locator(".alert-warning:visible").count() == 0
    tab.goto(f"{address}/formgrader/manage_assignments")
    assert tab.locator(".alert-warning:visible").count() == 0
    tab.goto(f"{address}/formgrader/gradebook/forward/forward")
    tab.wait_for_selector("a[href*='/formgrader/submissions/']")
    pages = {link.get_attribute("href") for link in tab.query_selector_all("a[href*='/formgrader/submissions/']")}
    assert len(pages) == 2
    for page in pages:
        with answer_to(tab, "GET", "/api/grades"), answer_to(tab, "GET", "/api/comments"):
            tab.goto(f"{address}{page}", wait_until="domcontentloaded")
        text = tab.inner_text("body")
        assert "For the grader: a full answer" in text
        (points, comment) = next(given for part, given in POINTS.items() if part in text)
        answer = tab.locator(".nbgrader_cell").last
        for field, what, value in [("input.score", "grade", points), ("textarea.comment", "comment", comment)]:
            with answer_to(tab, "PUT", f"/api/{what}/"):
                answer.locator(field).fill(value)
                answer.locator(field).blur()
    tab.close()


@pytest.mark.slow
def test_the_first_ten_minutes(copy, browser):
    blocks = re.findall(r"```bash\n(.*?)```", FIRST_TEN_MINUTES, re.S)
    commands = [line for block in blocks for line in block.splitlines()]
    start = ["make assignments", "make samples", "make grade SUBMISSIONS=assignments/samples"]
    assert commands == [*start, "make formgrader", "make feedback", "make fresh-course"]

    made = run(commands[0], copy)
    assert made.returncode == 0, made.stderr  # it names each fault
    assert "warning" not in made.stderr.lower()
    for name in NAMES:
        assert f"{name:10} " in made.stdout
    for name in re.findall(r"`(\w+\.ipynb)`", FIRST_TEN_MINUTES):
        assert (copy / "assignments" / name).exists()
    assert run(commands[1], copy).returncode == 0
    graded = run(commands[2], copy)
    assert graded.returncode != 0  # cleo's file is among them
    rows = rows_of(copy)
    assert len(TOLD) == len(rows)
    for student, score, status in TOLD:
        row = rows[student]
        assert row["status"].startswith(status)
        assert score == (f"{float(row['score']):g} of {float(row['max_score']):g}" if row["score"] else "")
        assert student in graded.stdout

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    options = f"--no-browser --allow-root --port={port} --IdentityProvider.token=ten-minutes"
    lab = subprocess.Popen(
        ["make", "formgrader", f"LAB={options}"], cwd=copy, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(120):
            try:
                urlopen(f"http://localhost:{port}/api", timeout=1).close()
                break
            except OSError:
                time.sleep(0.5)
        grade_by_hand(browser, f"http://localhost:{port}")
    finally:
        os.killpg(lab.pid, signal.SIGTERM)
        lab.wait()

    assert run(commands[4], copy).returncode == 0
    rows = rows_of(copy)
    assert [(rows[who]["score"], rows[who]["status"]) for who in ("ada", "ben")] == [
        ("20.0", "graded"),
        ("14.0", "graded"),
    ]
    assert rows["cleo"]["status"].startswith("NOT GRADED")
    feedback = (copy / "assignments/feedback/ada/forward/forward.html").read_text()
    assert "Well seen." in feedback
    assert "For the grader" not in feedback
    assert "3 handed in, 2 judged" in (copy / "assignments/class.html").read_text()

    submitted = copy / "assignments/submitted/ada/forward"
    submitted.mkdir(parents=True, exist_ok=True)
    shutil.copy(copy / "assignments/samples/ada/forward.ipynb", submitted)
    refused = run(
        "cd assignments && ../.venv/bin/nbgrader autograde forward --student ada --force", copy
    )  # as the button does
    assert refused.returncode != 0
    assert "`make grade SUBMISSIONS=...` grades this course" in refused.stderr
    assert rows_of(copy) == rows

    assert run(commands[5], copy).returncode == 0
    assert not (copy / "assignments/grades.csv").exists()
    assert len(list(copy.glob("assignments/old/*/feedback/ada/forward/forward.html"))) == 1
