"""Find the notebooks in a folder of submissions, as learning platforms deliver them; know whose and what they are.

Understood are a folder for each student, ``student/assignment/any name.ipynb`` (nbgrader), ``student/any name.ipynb``,
Moodle's ``Name_123_assignsubmission_file/any name.ipynb``, also without folders, and Canvas's flat
``name_123_456_forward.ipynb``. Whatever else lies there has a row, too, which says what it is.
"""

import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from grading.answers import source_of
from grading.course import NAMES, release_of
from grading.repair import is_answer, match

LARGEST = 2**26  # bytes of a notebook
MOODLE = re.compile(r"^(.+?_\d+)_assignsubmission_.*$")  # Ada Lovelace_12345_assignsubmission_file
CANVAS = re.compile(r"^(.+?)_(?:LATE_)?(\d+)_\d+_.*$")  # lovelaceada_12345_67890_forward
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.I)  # browsers add an ending, where they know none
OF_THE_SYSTEM = re.compile(r"\._.*|\.DS_Store|__MACOSX|Thumbs\.db|desktop\.ini|timestamp\.txt|\.ipynb_checkpoints")


@dataclass
class Submission:
    """One notebook of one student, or the reason why there is none that could be graded."""

    student: str
    assignment: str | None
    path: Path
    notebook: dict | None = None
    problem: str = ""
    remarks: list = field(default_factory=list)
    untouched: bool = False
    judgement: dict | None = None  # what `judge.Record` is to write


def collect(folder, course, only=None):
    """Return the submissions below a folder, one for each student and assignment, in order of their names.

    Parameters
    ----------
    folder : path
        The folder of submissions.
    course : path
        The course's folder, with the releases.
    only : str, optional
        The one assignment that all submissions are of.

    Returns
    -------
    list of Submission
        With ``problem`` where a file is no notebook of the course.

    Raises
    ------
    ValueError
        If there is no such folder or assignment, or nothing in it.
    """
    folder = Path(folder)
    if not str(folder) or not folder.is_dir():
        raise ValueError(f"SUBMISSIONS must be a folder, got {str(folder)!r}")
    names = [name for name in NAMES if release_of(name, course).exists() and only in (None, name)]
    if not names:
        raise ValueError(f"ASSIGNMENT must be one of {NAMES}, made by `make assignments`, got {only!r}")
    releases = {name: cells_of(release_of(name, course)) for name in names}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not is_of_the_system(path, folder)]
    paths = [path for path in files if NOTEBOOK.search(path.name) or path.suffix.lower() == ".zip"]
    if not paths:
        raise ValueError(f"SUBMISSIONS must hold notebooks, got {str(folder)!r}, in which no file ends in .ipynb")
    given = {path.relative_to(folder).parts[0] for path in files}
    empty = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name not in given]
    empty = [path for path in empty if not is_of_the_system(path, folder)]
    students = {}
    for path in files + empty:
        owner = owner_of(path, folder)
        if owner not in students:
            students[owner] = name_of(owner, students.values())
    found = {}
    for path in paths:
        for submission in read(path, folder, releases, students[owner_of(path, folder)]):
            found.setdefault((submission.student, submission.assignment), []).append(submission)
    who = {student for student, _ in found}
    for path in [path for path in files if path not in paths] + empty:
        student, assignment = students[owner_of(path, folder)], assignment_by_name(path.relative_to(folder), releases)
        if student not in who or assignment and (student, assignment) not in found:
            what = f"no notebook: there lies {path.name}" if path.is_file() else "no notebook: the folder is empty"
            found[student, assignment] = [Submission(student, assignment, path, problem=what)]
    return [best(versions) for _, versions in sorted(found.items(), key=lambda item: str(item[0]))]


def is_of_the_system(path, folder):
    """Return whether a file or folder was made by a system or a platform, and is nobody's work."""
    return any(OF_THE_SYSTEM.fullmatch(part) for part in path.relative_to(folder).parts)


def cells_of(path):
    """Return the cells of a release."""
    import nbformat

    return nbformat.read(path, 4).cells


def read(path, folder, releases, student):
    """Return what is handed in by a file: a submission for each assignment in it, or one with its problem."""
    parts = path.relative_to(folder)
    by_name = assignment_by_name(parts, releases)
    try:
        notebook, name = notebook_in(path)
        cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    except Exception as error:  # nobody knows what is in a file
        fault = str(error) if type(error) is ValueError else f"{type(error).__name__}: {str(error)[:100]}"
        problem = f"not readable as a notebook: {path.name} ({fault})"
        return [Submission(student, by_name, path, problem=problem)]
    assignments = assignments_by_content(cells, releases)
    if not assignments:
        problem = f"{path.name} has no cell of an assignment that we know" if cells else f"{path.name} has no cells"
        return [Submission(student, by_name, path, notebook, problem)]
    found = [Submission(student, assignment, path, notebook) for assignment in assignments]
    for submission in found:
        submission.untouched = is_untouched(cells, releases[submission.assignment])
        if len(found) > 1:
            submission.remarks.append(f"{path.name} holds {' and '.join(assignments)}")
        elif by_name not in (None, submission.assignment):
            submission.remarks.append(f"lay among {by_name}, is {submission.assignment}")
        elif name != f"{submission.assignment}.ipynb":
            submission.remarks.append(f"the file was called {name}")
    return found


def notebook_in(path):
    """Return the notebook in a file, of format 4 whatever it was, and the name of the file; or in a zip of one."""
    import nbformat

    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as packed:
            inside = [entry for entry in packed.infolist() if NOTEBOOK.search(entry.filename)]
            inside = [entry for entry in inside if not OF_THE_SYSTEM.match(entry.filename.split("/")[-1])]
            if len(inside) != 1:
                raise ValueError(f"there are {len(inside)} notebooks in it")
            size, name = inside[0].file_size, f"{path.name}/{inside[0].filename}"
            data = packed.read(inside[0]) if size <= LARGEST else b""
    else:
        size, name = path.stat().st_size, path.name
        data = path.read_bytes() if size <= LARGEST else b""
    if size > LARGEST:
        raise ValueError(f"larger than {LARGEST // 2**20} MB")
    notebook = json.loads(data.decode("utf-8-sig"))
    if isinstance(notebook, dict) and "worksheets" in notebook:
        notebook = nbformat.convert(nbformat.from_dict(notebook), 4)
    return notebook, name


def owner_of(path, folder):
    """Return what tells the students apart: the first folder, or the begin of a file's name, with its number."""
    first, *others = path.relative_to(folder).parts
    if others or path.is_dir() or MOODLE.match(first):
        return MOODLE.sub(r"\1", first)
    return CANVAS.sub(r"\1_\2", NOTEBOOK.sub("", first) if NOTEBOOK.search(first) else Path(first).stem)


def name_of(owner, taken):
    """Return a name that nbgrader can use as a folder, and that is not taken."""
    name = plain = re.sub(r"[^\w.@ -]", "-", owner).strip(" .") or "unnamed"
    while name in taken:
        name = f"{plain}-{len(taken)}"
    return name


def assignment_by_name(parts, releases):
    """Return the assignment that the folders or the file's name tell, or None."""
    for part in reversed(parts.parts):
        for name in releases:
            if name in Path(part).stem.lower():
                return name
    return next(iter(releases)) if len(releases) == 1 else None


def assignments_by_content(cells, releases):
    """Return the assignments of which the notebook has more than half of the cells, or the one of which it has most."""
    hits = {name: len({place for place in match(cells, given)} - {None}) for name, given in releases.items()}
    whole = [name for name, given in releases.items() if hits[name] > len(given) / 2]
    return whole or [name for name in hits if hits[name] == max(hits.values())][:1] * bool(max(hits.values()))


def is_untouched(cells, given):
    """Return whether a notebook holds no answer: nothing but cells of the release, as they were handed out."""
    places = match(cells, given)
    answers = [(cell, given[place]) for cell, place in zip(cells, places, strict=True) if place is not None]
    changed = any(is_answer(old) and source_of(cell).strip() != old.source.strip() for cell, old in answers)
    return not changed and None not in places


def best(versions):
    """Return the one of a student's notebooks for an assignment that counts: readable, worked on, the newest."""
    chosen = max(
        versions,
        key=lambda v: (not v.problem, not v.untouched, v.path.stat().st_mtime, v.path.stem == v.assignment),
    )
    if len(versions) > 1:
        others = ", ".join(sorted(v.path.name for v in versions if v is not chosen))
        chosen.remarks.append(f"graded is {chosen.path.name}, not {others}")
    return chosen
