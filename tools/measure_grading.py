"""Grade a generated class of the assignment Forward; print what it takes, and fail if it is more than is promised.

    make grading-times                 100 answers that run, then 300 of which some hang and some are broken
    make grading-times SIZE=10000      so many of the second kind (an hour for 10,000), and nothing else

The answers are those of tests/answers/forward.py, right and wrong, in turn. Computing is counted by a control group of
the kernel, where one can be made (as root); else what killed workers have used is missing. Memory is the proportional
set size of all processes together, a mean over each fifth of the run.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

import psutil

from grading import record
from grading.course import ROOT, release_of, source_of
from grading.files import write
from grading.release import make
from tests.answers.forward import RIGHT, WRONG

JOBS = 2
HANGING, BROKEN = 0.05, 0.02  # of the second class
HANG = "    import time\n    time.sleep(1000)", "    while True: pass"
COMPUTING, CLASS, HOUR, GROWTH = 0.45, 100 / 300, 3600 / 10_000, 1.15  # what is promised
SIZES = 300, 3000, 10_000  # of a gradebook


def filled(release, answer):
    """Return the text of a released notebook with one answer to all questions."""
    notebook = json.loads(release)
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
            cell["source"], answer = answer, "pass"
    return json.dumps(notebook)


def hand_in(folder, release, size, hanging=0.0, broken=0.0):
    """Write a class of submissions, of which these fractions hang or are cut off."""
    answers = cycle([*RIGHT.values(), *(code for code, _ in WRONG.values())])
    hangs = cycle(f"def batch_norm_train(x, weight, bias, eps):\n{body}" for body in HANG)
    for number in range(size):
        in_a_hundred = number * 37 % 100  # spread over the class
        text = filled(release, next(hangs if in_a_hundred < 100 * hanging else answers))
        text = text[:2000] if in_a_hundred >= 100 - 100 * broken else text
        path = folder / f"student{number:05}/forward.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)


@contextmanager
def control_group():
    """Make a control group; yield the files that let a process in and that tell what it has computed, or None."""
    for parent, usage in (("cpuacct", "cpuacct.usage"), ("", "cpu.stat")):
        group = Path("/sys/fs/cgroup", parent, f"grading-times-{os.getpid()}")
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / usage).exists():
            try:
                yield group / "cgroup.procs", group / usage
            finally:
                for _ in range(100):  # the last of its processes may be about to end
                    with suppress(OSError):
                        group.rmdir()
                        break
                    time.sleep(0.1)
            return
        group.rmdir()
    yield None


def seconds_in(usage):
    """Return the seconds of computing that a control group tells."""
    text = usage.read_text()
    return int(text.split()[1]) / 1e6 if "usage_usec" in text else int(text) / 1e9


def grade(handed_in, course):
    """Grade in a process of its own; return the seconds, of the clock and of computing, and samples of memory."""
    command = [sys.executable, "-m", "grading", handed_in, "--course", course, "--jobs", str(JOBS)]
    samples, start = [], time.perf_counter()
    with control_group() as group:
        enter = f"echo $$ > {group[0]} && exec " if group else "exec "
        shell = ["sh", "-c", enter + '"$@"', "sh", *map(str, command)]
        process = subprocess.Popen(shell, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            samples.append(memory_of(process.pid))
            time.sleep(1)
        clock = time.perf_counter() - start
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        computing = seconds_in(group[1]) if group else usage.ru_utime + usage.ru_stime
    if process.returncode not in (0, 1):
        raise SystemExit(f"grading has failed: {' '.join(map(str, command))}")
    return clock, computing, samples


def memory_of(pid):
    """Return the megabytes of a process and all that it has started."""
    total = 0
    with suppress(psutil.Error):
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total / 2**20


def in_fifths(samples):
    """Return the mean of each fifth of some samples."""
    size = max(1, len(samples) // 5)
    return [statistics.mean(samples[k * size : (k + 1) * size] or [0]) for k in range(5)]


def check_rows(course, size):
    """Check the table: a row for each student, right and wrong as they should be."""
    rows = record.rows(course)
    graded = [row for row in rows if row["score"] != ""]
    if len(rows) != size or not all(0 <= row["score"] <= 17 for row in graded):
        raise SystemExit(f"{len(rows)} rows for {size} students")
    return len(graded)


def measure_class(release, empty, size, **kinds):
    """Grade a class; print what it took; return the seconds per submission, of the clock and of computing; memory."""
    with tempfile.TemporaryDirectory() as temporary:
        handed_in, course = Path(temporary, "in"), Path(temporary, "course")
        hand_in(handed_in, release, size, **kinds)
        shutil.copytree(empty, course)
        clock, computing, samples = grade(handed_in, course)
        graded = check_rows(course, size)
    memory = in_fifths(samples)
    print(
        f"{size} submissions, {graded} of them graded, {JOBS} processes: {clock:.0f} s, {computing:.0f} s of computing"
    )
    print(f"  one submission: {clock / size:.2f} s, {computing / size:.2f} s of computing")
    print(f"  memory in MB, over the run: {', '.join(f'{m:.0f}' for m in memory)}", flush=True)
    return clock / size, computing / size, memory


def measure_rows(release, empty):
    """Write larger and larger gradebooks; print the milliseconds per row; return them."""
    times = []
    with tempfile.TemporaryDirectory() as temporary:
        handed_in, course = Path(temporary, "in"), Path(temporary, "course")
        shutil.copytree(empty, course)
        hand_in(handed_in, release, 1)
        grade(handed_in, course)
        (said,) = record.verdicts(course)
        for size in SIZES:
            class_of = [said | {"student": f"student{number:05}"} for number in range(size)]
            start = time.perf_counter()
            record.record(class_of, course)
            for each in class_of:
                path = record.verdict_path(each["student"], each["assignment"], course / "verdicts")
                write(path, json.dumps(each))
            rows = record.write_tables(course)
            times.append(1000 * (time.perf_counter() - start) / len(rows))
    shown = ", ".join(f"{t:.2f} ms of {n} rows" for t, n in zip(times, SIZES, strict=True))
    print(f"gradebook and tables, one row: {shown}", flush=True)
    return times


def main():
    """Print the tables; return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, help="grade so many, some of which hang, and nothing else")
    size, broken = parser.parse_args().size, []
    with tempfile.TemporaryDirectory() as temporary:
        empty = Path(temporary, "course")
        shutil.copytree(source_of("forward").parent, empty / "source/forward")
        make(["forward"], empty)
        release = release_of("forward", empty).read_text()
        if not size:
            _, computing, _ = measure_class(release, empty, 100)
            broken += [f"{computing:.2f} s of computing, promised are {COMPUTING}"] * (computing > COMPUTING)
            times = measure_rows(release, empty)
            broken += ["a row takes longer in a larger gradebook"] * (times[-1] > 2 * times[0])
        clock, _, memory = measure_class(release, empty, size or 300, hanging=HANGING, broken=BROKEN)
        promised = CLASS if not size else HOUR
        broken += [f"{clock:.2f} s for each of a class, promised are {promised:.2f}"] * (clock > promised)
        broken += ["memory grows"] * (memory[3] > GROWTH * memory[1])
    print(*broken, sep="\n", file=sys.stderr, end="\n" if broken else "")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
