"""Execute each chapter by itself and print its time and peak memory: `make times`.

A chapter may take 10 seconds and 800 MB on two quiet cores, from the start of its kernel to its last cell; the exit
status tells whether all do. Chapters that are named on the command line are measured, or else all.
"""

import os
import subprocess
import sys
from pathlib import Path

from build_book import ENVIRONMENT, ROOT, chapters_of

SECONDS, MEGABYTES = 10, 800
EXECUTE = """
import sys, time, nbformat
from nbclient import NotebookClient
path = sys.argv[1]
notebook, here = nbformat.read(path, 4), {"metadata": {"path": "chapters"}}
start = time.perf_counter()
NotebookClient(notebook, timeout=120, resources=here, extra_arguments=["--log-level=ERROR"]).execute()
print(time.perf_counter() - start)
"""


def measure(chapter):
    """Return seconds on the clock, seconds of computing and peak memory in MB; raise where a cell does."""
    command, environment = [sys.executable, "-c", EXECUTE, chapter], os.environ | ENVIRONMENT
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    _, status, usage = os.wait4(process.pid, 0)  # with the kernel, which the process has waited for
    if status:
        raise SystemExit(f"{chapter} does not run to its end")
    return float(process.stdout.read()), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    """Print the table; return 1 if a chapter is over its budget."""
    chapters = [Path(name).resolve() for name in sys.argv[1:]] or chapters_of(ROOT / "_toc.yml")
    print(f"{'chapter':24}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}")
    rows = []
    for chapter in chapters:
        rows.append(measure(chapter))
        print(f"{chapter.stem:24}{rows[-1][0]:9.1f}{rows[-1][1]:9.1f}{rows[-1][2]:9.0f}", flush=True)
    seconds, cpu, memory = zip(*rows, strict=True)
    print(f"{'all':24}{sum(seconds):9.1f}{sum(cpu):9.1f}{max(memory):9.0f}")
    return int(max(seconds) > SECONDS or max(memory) > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
