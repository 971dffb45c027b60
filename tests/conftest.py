"""What several tests need: the built book, and a browser to read it with."""

import hashlib
import http.server
import os
import re
import shutil
import subprocess
import threading
from functools import cache, lru_cache, partial
from pathlib import Path

import nbval_of_build
import pytest
from bs4 import BeautifulSoup
from build_book import ENVIRONMENT
from find_chromium import open_browser
from forked import run_script
from playwright.sync_api import sync_playwright
from xdist.scheduler import LoadScopeScheduling

from grading.course import MADE

ROOT = Path(__file__).resolve().parents[1]

os.environ.update(ENVIRONMENT)  # tests and nbval's kernels count as the built book does


def pytest_configure(config):
    """Let nbval judge what the build has run; the hooks of this file would not reach the folder of the chapters."""
    config.pluginmanager.register(nbval_of_build)


FIRST = [  # the longest go first, so that none is left to one core at the end
    "test_course",
    "test_walk_through",
    "test_lab",
    "test_pdf",
    "test_pages_made_anew",
    "source/project",
    "test_predict",
    "test_build",
]
TOGETHER = r".+\.ipynb|.+/test_(?:chinese_pages|class|course|lab|pdf|predict|search|student|training)\.py"
PAGE = r".+/test_(?:page|figures|type)\.py::.+[\[-](\S+\.html)\]"  # visited once, see visits.py


def pytest_collection_modifyitems(items):
    """Put the longest tests first."""
    items.sort(key=lambda item: next((rank for rank, name in enumerate(FIRST) if name in item.nodeid), len(FIRST)))


class OneByOne(LoadScopeScheduling):
    """Give each test to the core that is free, but for those that share something."""

    def _split_scope(self, nodeid):
        """Return a name for what a test shares with others, a kernel or a costly fixture, or its own."""
        page, file = re.fullmatch(PAGE, nodeid), nodeid.split("::")[0]
        return page[1] if page else file if re.fullmatch(TOGETHER, file) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let two cores share the tests in this way."""
    return OneByOne(config, log)


def build_book(*arguments, root=ROOT):
    """Build as `make book` does; return the finished process with its output."""
    return run_script(root / "tools/build_book.py", *arguments)


def run(command, folder):
    """Run a command of the shell in a folder; return the finished process with its output."""
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=300)


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


DERIVED = shutil.ignore_patterns(
    ".git", ".venv", "_build", "node_modules", ".*_cache", ".hypothesis", "release", "exchange", "old", "roster.csv",
    *MADE,
)  # fmt: skip


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    """Return a fresh copy of the repository, with its .venv and its node_modules."""
    folder = tmp_path_factory.mktemp("teacher") / "book"
    shutil.copytree(ROOT, folder, ignore=DERIVED)
    for path in (folder / "assignments").glob("*.ipynb"):
        path.unlink()
    for name in (".venv", "page/node_modules"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="session")
def warm():
    """Return the process that forks workers for answers that are ours."""
    from warm import Warm

    warm = Warm()
    yield warm
    warm.stop()


@pytest.fixture
def fork_workers(warm, monkeypatch):
    """Let workers be forked; the walls are tested elsewhere."""
    monkeypatch.setattr("grading.sandbox.subprocess", warm.subprocess)


@pytest.fixture(scope="session")
def browser():
    """Return a headless Chromium; install one where there is none."""
    with sync_playwright() as playwright:
        chromium = open_browser(playwright)
        yield chromium
        chromium.close()


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line for each request."""

    def log_message(self, *arguments):
        """Print nothing."""


@lru_cache(8)
def read_page(path):
    """Return a built page, parsed; nothing changes it."""
    return BeautifulSoup(path.read_text("utf8"), "lxml")


@pytest.fixture(scope="session")
def visit(browser, site, book):
    """Return a function that tells what a browser has seen on a page, see visits.py."""
    from visits import visits

    return visits(browser, site, book)


@pytest.fixture(scope="session")
def stamped():
    """Let the version of nbgrader's tables be asked once: it starts a process for each new gradebook."""
    from nbgrader import api

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "get_alembic_version", cache(api.get_alembic_version))
        yield


@pytest.fixture(scope="session")
def site(book):
    """Serve the built book; return its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(SilentHandler, directory=book)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
