"""`make samples`: three submissions of the assignment Forward, for a teacher who grades for the first time.

ada has solved everything, ben has made one mistake (and lost the metadata of his cells), cleo's file is broken.

python -m grading.samples [folder]
"""

import json
import sys
from copy import deepcopy
from pathlib import Path

from grading.course import COURSE, source_of

RIGHT, WRONG = "var = (centred**2).mean(axis=0)", "var = centred.var(axis=0, ddof=1)"
WRITTEN = {
    "ada": "1. 0.30 and 0.99, and 1 in millimetres. 2. At 0.0018 inside, at 0.00001 outside. 3. 158 and 50000: inside.",
    "ben": "So that nobody divides by zero.",
}


def write_samples(folder):
    """Write the three submissions below a folder, as `make grade` expects them."""
    solved = json.loads(source_of("forward").read_text(encoding="utf-8"))
    right, wrong = with_answer(solved, WRITTEN["ada"]), with_answer(solved, WRITTEN["ben"])
    for cell in wrong["cells"]:
        cell["metadata"] = {}
        cell["source"] = "".join(cell["source"]).replace(RIGHT, WRONG)
    texts = {
        "ada/forward.ipynb": json.dumps(right),
        "ben/forward (1).ipynb": json.dumps(wrong),
        "cleo/forward.ipynb": json.dumps(right)[:5000],
    }
    for name, text in texts.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def with_answer(notebook, text):
    """Return the notebook with this text for a written answer, and without the markers of solutions."""
    notebook = deepcopy(notebook)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        meta = cell["metadata"].get("nbgrader", {})
        written = meta.get("grade") and meta.get("solution")
        lines = [line for line in source.splitlines() if "### BEGIN" not in line and "### END" not in line]
        cell["source"] = text if written else "\n".join(lines)
    return notebook


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else COURSE / "samples"
    write_samples(folder)
    print(f"Three submissions are in {folder}")
