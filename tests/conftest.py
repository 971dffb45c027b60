"""What several tests need: the built book, and a browser to read it with."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from build_book import ENVIRONMENT
from playwright.sync_api import Error, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()

os.environ.update(ENVIRONMENT)  # tests and nbval's kernels count as the built book does


def build_book(*arguments, root=ROOT):
    """Build as `make book` does; return the finished process with its output."""
    command = [sys.executable, root / "tools/build_book.py", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=root)


def tree_hash(folder):
    """Return a hash of the names and bytes of all files below a folder, but for the PDF and the zip of `make pdf`."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in {".pdf", ".zip"}):
        total.update(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


@pytest.fixture(scope="session")
def book():
    """Return the folder of the built book; build it first where something has changed."""
    run = build_book()
    if run.returncode:
        pytest.fail("`make book` fails:\n" + "\n".join(run.stdout.splitlines()[-60:]), pytrace=False)
    return ROOT / "_build/html"


@pytest.fixture(scope="module")  # nbval cannot start kernels beside a running Playwright
def browser():
    """Return a headless Chromium; install one where there is none."""
    path = find_chromium()
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        except Error as error:
            install = "`apt-get install chromium` as root, or `.venv/bin/playwright install --with-deps chromium`"
            pytest.fail(f"There is no Chromium to read the book with: run {install}.\n{error}", pytrace=False)
        yield chromium
        chromium.close()


def find_chromium():
    """Return the path of a Chromium, or None for the one that Playwright has downloaded."""
    if path := chromium_on_path():
        return path
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update"])
        subprocess.run(["apt-get", "install", "-y", "chromium"])
    if path := chromium_on_path():
        return path
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])
    return None


def chromium_on_path():
    """Return the path of a Chromium among the commands of this machine, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
