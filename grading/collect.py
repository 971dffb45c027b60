"""Find the notebooks in a folder of submissions, as learning platforms deliver them; know whose and what they are.

Understood are a folder for each student, ``student/assignment/any name.ipynb`` (nbgrader), ``student/any name.ipynb``,
Moodle's ``Name_123_assignsubmission_file/any name.ipynb``, also without folders, and Canvas's flat
``name_123_456_forward.ipynb``. Whatever else lies there has a row, too, which says what it is.
"""

import functools
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from grading.answers import source_of
from grading.course import COURSE, MADE, NAMES, release_of
from grading.repair import is_answer, match
from grading.words import CHINESE, ENGLISH, say

LARGEST = 2**26  # bytes of a notebook
HANDED_IN = {"submitted", "samples"}  # folders of a course that hold submissions
MOODLE = re.compile(r"^(.+?_\d+)_assignsubmission_.*$")  # Ada Lovelace_12345_assignsubmission_file
CANVAS = re.compile(r"^(.+?)_(?:LATE_)?(\d+)_\d+_.*$")  # lovelaceada_12345_67890_forward
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.I)  # browsers add an ending, where they know none
SOME_HAN = 100  # characters; one who writes to us in English has fewer in his file
HAN, LATIN = re.compile(r"[\u3400-\u9fff]"), re.compile(r"[A-Za-z]{2,}")
OF_THE_SYSTEM = re.compile(r"\._.*|\.DS_Store|__MACOSX|Thumbs\.db|desktop\.ini|timestamp\.txt|\.ipynb_checkpoints")


@dataclass
class Submission:
    """One notebook of one student, or the reason why there is none that could be graded."""

    student: str
    assignment: str | None
    path: Path
    problem: str = ""
    remarks: list = field(default_factory=list)
    untouched: bool = False
    language: str = ENGLISH  # in which the student is told of a problem


@dataclass
class HandIn:
    """All files of one student, or his empty folder."""

    student: str
    folder: Path
    paths: list = field(default_factory=list)


def collect(folder, course, only=None):
    """Return the submissions below a folder, one for each student and assignment, in order of their names.

    The parameters are those of `hand_ins`. A submission has a ``problem`` where its file is no notebook of the course.
    """
    names = assignments_of(course, only)
    return in_order(s for each in hand_ins(folder) for s in sort_out(each, names, course))


def assignments_of(course, only=None):
    """Return the names of the assignments that may have been handed in; ValueError if there are none."""
    names = [name for name in NAMES if release_of(name, course).exists() and only in (None, name)]
    if not names:
        raise ValueError(f"ASSIGNMENT must be one of {NAMES}, made by `make assignments`, got {only!r}")
    return names


def hand_ins(folder, student=None, course=COURSE):
    """Return what each student has handed in below a folder; no file is opened.

    Parameters
    ----------
    folder : path
        The folder of submissions.
    student : str, optional
        The only one that is wanted, as the folder or as grades.csv calls him.
    course : path
        The course's folder, perhaps with a roster.

    Returns
    -------
    list of HandIn

    Raises
    ------
    ValueError
        If there is no such folder or student, nothing in it, or if it is the course itself, or was made by grading.
    """
    path = Path(folder)
    if not str(folder) or not path.is_dir():
        raise ValueError(f"SUBMISSIONS must be a folder, got {str(folder)!r}: make grade SUBMISSIONS=folder")
    if COURSE.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"SUBMISSIONS must hold nothing but submissions, got {str(folder)!r}, which holds the course")
    if made := made_by_us(path, course):
        raise ValueError(f"SUBMISSIONS must be what students have handed in, got {str(folder)!r}: {made} is made here")
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not is_of_the_system(file, path)]
    if not any(is_notebook(file) for file in files):
        raise ValueError(f"SUBMISSIONS must hold notebooks, got {str(folder)!r}, in which no file ends in .ipynb")
    given = {file.relative_to(path).parts[0] for file in files}
    empty = [each for each in sorted(path.iterdir()) if each.is_dir() and each.name not in given]
    found, taken = {}, set()
    for each in files + [each for each in empty if not is_of_the_system(each, path)]:
        owner = owner_of(each, path)
        if owner not in found:
            found[owner] = HandIn(name_of(owner, taken), path)
            taken.add(found[owner].student)
        found[owner].paths.append(each)
    if itself := sorted(found.keys() & set(NAMES)):
        raise ValueError(
            f"SUBMISSIONS must hold a folder or a file for each student, got {str(folder)!r}, where {itself[0]} lies. "
            f"For one student alone: make grade SUBMISSIONS={path.resolve().parent} STUDENT={path.resolve().name}"
        )
    if student is None:
        return list(found.values())
    wanted = [each for each in found.values() if student in names_of(each, course)]
    if not wanted:
        raise ValueError(f"STUDENT must be one of those in {str(folder)!r}, got {student!r}")
    return wanted


def made_by_us(path, course):
    """Return the folder of a course, made by nbgrader or by grading, in which a path lies, or None."""
    course = Path(course).resolve()
    inside = path.resolve().relative_to(course).parts if path.resolve().is_relative_to(course) else ()
    return next((name for name in inside[:1] if name in MADE + ["source", "release"] and name not in HANDED_IN), None)


def names_of(hand_in, course):
    """Return what a student is called by the folder of submissions, and by the roster."""
    from grading.roster import People, read_roster

    return hand_in.student, People(read_roster(course)).find(hand_in.student, hand_in.paths[0])


def sort_out(hand_in, names, course):
    """Read what a student has handed in; return his submissions, one for each assignment, without the notebooks."""
    releases = {name: release_of(name, course) for name in names}
    student, folder, found = hand_in.student, hand_in.folder, {}
    notebooks = [path for path in hand_in.paths if path.is_file() and is_notebook(path)]
    for path in notebooks:
        for submission in read(path, folder, releases, student):
            found.setdefault(submission.assignment, []).append(submission)
    handed_in = bool(found)
    for path in hand_in.paths:
        assignment = assignment_by_name(path.relative_to(folder), releases)
        if path not in notebooks and (not handed_in or assignment and assignment not in found):
            lies, empty = say("no notebook: there lies {0}", path.name), say("no notebook: the folder is empty")
            what = lies if path.is_file() else empty
            found[assignment] = [Submission(student, assignment, path, problem=what)]
    return [best(versions) for versions in found.values()]


def in_order(submissions):
    """Return submissions in order of students and assignments."""
    return sorted(submissions, key=lambda submission: (submission.student, submission.assignment or ""))


def is_notebook(path):
    """Return whether a file may hold a notebook, as far as its name tells."""
    return bool(NOTEBOOK.search(path.name)) or path.suffix.lower() == ".zip"


def is_of_the_system(path, folder):
    """Return whether a file or folder was made by a system or a platform, and is nobody's work."""
    return any(OF_THE_SYSTEM.fullmatch(part) for part in path.relative_to(folder).parts)


def language_of(notebook):
    """Return the language of a notebook: that of its prose, which no editor takes out, as some do with metadata."""
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    cells = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    prose = "\n".join(source_of(cell) for cell in cells if cell.get("cell_type") == "markdown")
    return CHINESE if len(HAN.findall(prose)) > len(LATIN.findall(prose)) else ENGLISH


def language_in(path):
    """Return the language of a file that is no sound notebook: Chinese, where it holds more than a few words of it."""
    try:
        text = path.read_bytes()[:LARGEST].decode("utf-8", "ignore")
    except OSError:
        return ENGLISH
    return CHINESE if len(HAN.findall(text)) >= SOME_HAN else ENGLISH


def cells_of(path, language=ENGLISH):
    """Return the cells of a release, in a language."""
    return release_in(path, path.stat().st_mtime_ns, language).cells


@functools.lru_cache(maxsize=20)
def release_in(path, changed, language=ENGLISH):
    """Return the notebook in a file that was changed at this time, in a language, as the book's edition has it."""
    import nbformat

    text = path.read_text(encoding="utf-8")
    if language == CHINESE:
        from edition.sources import rewrite_notebook
        from edition.write import translator

        text = rewrite_notebook(text, translator(Path("assignments", path.name)))
    return nbformat.reads(text, 4)


def read(path, folder, releases, student):
    """Return what is handed in by a file: a submission for each assignment in it, or one with its problem."""
    parts = path.relative_to(folder)
    by_name = assignment_by_name(parts, releases)
    try:
        notebook, name = notebook_in(path)
        cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    except Exception as error:  # nobody knows what is in a file
        fault = fault_of(error)
        problem = say("not readable as a notebook: {0} ({1})", path.name, fault)
        return [Submission(student, by_name, path, problem=problem, language=language_in(path))]
    language = language_of(notebook)
    given = {name: cells_of(release, language) for name, release in releases.items()}
    assignments = assignments_by_content(cells, given)
    if not assignments:
        unknown, none = (
            say("{0} has no cell of an assignment that we know", path.name),
            say("{0} has no cells", path.name),
        )
        return [Submission(student, by_name, path, unknown if cells else none, language=language)]
    found = [Submission(student, assignment, path) for assignment in assignments]
    for submission in found:
        submission.untouched = is_untouched(cells, given[submission.assignment])
        if submission.untouched:
            submission.remarks.append(say("nothing has been filled in"))
        if len(found) > 1:
            submission.remarks.append(say("{0} holds {1}", path.name, in_a_row(assignments)))
        elif by_name not in (None, submission.assignment):
            submission.remarks.append(say("lay among {0}, is {1}", by_name, submission.assignment))
        elif name != f"{submission.assignment}.ipynb":
            submission.remarks.append(say("the file was called {0}", name))
    return found


def in_a_row(names):
    """Return names as one text."""
    first, *others = names
    return say("{0} and {1}", first, in_a_row(others)) if others else first


def fault_of(error):
    """Return what is wrong with a file, in a few words."""
    if isinstance(error, json.JSONDecodeError):
        return say("it is cut off, or damaged, at character {0}", error.pos)
    if type(error) is ValueError and error.args:
        return error.args[0]
    return f"{type(error).__name__}: {str(error)[:100]}"


def notebook_in(path):
    """Return the notebook in a file, of format 4 whatever it was, and the name of the file; or in a zip of one."""
    import nbformat

    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as packed:
            inside = [entry for entry in packed.infolist() if NOTEBOOK.search(entry.filename)]
            inside = [entry for entry in inside if not OF_THE_SYSTEM.match(entry.filename.split("/")[-1])]
            if len(inside) != 1:
                raise ValueError(say("there are {0} notebooks in it", len(inside)))
            size, name = inside[0].file_size, f"{path.name}/{inside[0].filename}"
            data = packed.read(inside[0]) if size <= LARGEST else b""
    else:
        size, name = path.stat().st_size, path.name
        data = path.read_bytes() if size <= LARGEST else b""
    if size > LARGEST:
        raise ValueError(say("larger than {0} MB", LARGEST // 2**20))
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
        chosen.remarks.append(say("graded is {0}, not {1}", chosen.path.name, others))
    return chosen
