"""Install torch in the version that requirements.txt names; on Linux without CUDA, where their index answers.

The package index has a build for CUDA, of several gigabytes, for Linux; the book needs no GPU. The address of the other
index stands in binder/requirements.txt.
"""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 5  # to wait for an answer


def wanted():
    """Return the line of requirements.txt that names torch."""
    return re.search(r"^torch==[\d.]+", (ROOT / "requirements.txt").read_text(), re.M)[0]


def is_installed(requirement):
    """Return whether this very version is there, in whatever build."""
    try:
        return f"torch=={version('torch').split('+')[0]}" == requirement
    except PackageNotFoundError:
        return False


def index_without_cuda(platform=sys.platform, text=None):
    """Return the options by which pip finds the builds without CUDA: none but on Linux, or where nobody answers."""
    if platform != "linux":
        return []  # elsewhere the ordinary build is one without CUDA
    text = (ROOT / "binder/requirements.txt").read_text() if text is None else text
    index = re.search(r"^--extra-index-url (\S+)", text, re.M)[1]
    try:
        urlopen(f"{index}/torch/", timeout=SECONDS).close()
    except OSError as error:
        print(f"No answer from the index of torch without CUDA ({error}): taking the ordinary build.", file=sys.stderr)
        return []
    return ["--extra-index-url", index]  # it is preferred, since 2.13.0+cpu comes after 2.13.0


def main():
    """Install torch, unless it is there; return pip's exit status."""
    requirement = wanted()
    if is_installed(requirement):
        return 0
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, *index_without_cuda(), requirement]).returncode


if __name__ == "__main__":
    sys.exit(main())
