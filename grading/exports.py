"""Files that learning platforms import as they are: Moodle's grading worksheet and feedback zip, Canvas' gradebook.

python -m grading.exports EXPORT --assignment forward [--column "Forward (1234)"]     `make canvas EXPORT=grades.csv`

Moodle's two files are written by every grading, as far as submissions came from Moodle. Canvas imports nothing but
its own export, so that is filled in. Only who has all points, those given by hand as well, is in any of them.
"""

import argparse
import csv
import io
import re
import sys
import time
import zipfile
from pathlib import Path

from grading.course import COURSE, NAMES
from grading.files import write
from grading.record import rows as rows_of
from grading.roster import NUMBER, participant

GRADED = "graded"
OF_MOODLE = re.compile(r"^(.+?_\d+_assignsubmission_[a-z]+)")
WORKSHEET = ["Identifier", "Grade", "Last modified (grade)"]
OF_A_STUDENT = ["student", "id", "sis user id", "sis login id", "section"]  # what Canvas knows a student by


def write_moodle(course, rows):
    """Write ``moodle/NAME.csv`` and ``moodle/NAME-feedback.zip`` for each assignment that Moodle has delivered.

    Parameters
    ----------
    course : path
        The course's folder, with feedback pages.
    rows : list of dict
        The rows of grades.csv.
    """
    delivered = [row for row in rows if row["status"] == GRADED and participant(row["file"])]
    for assignment in sorted({row["assignment"] for row in delivered}):
        of_it = [row for row in delivered if row["assignment"] == assignment]
        write(Path(course) / "moodle" / f"{assignment}.csv", worksheet(of_it))
        write(Path(course) / "moodle" / f"{assignment}-feedback.zip", feedback_zip(course, of_it))


def worksheet(rows):
    """Return the text of a grading worksheet: the three columns without which Moodle imports nothing."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    lines = [[f"Participant {participant(row['file'])}", f"{float(row['score']):g}", now] for row in rows]
    return csv_text([WORKSHEET, *lines])


def feedback_zip(course, rows):
    """Return the bytes of a zip that Moodle hands out to the students: the page of each in a folder of his own."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as packed:
        for row in rows:
            name = f"{row['assignment']}.html"
            page = Path(course) / "feedback" / row["student"] / row["assignment"] / name
            packed.write(page, f"{OF_MOODLE.match(row['file'])[1]}/{name}")
    return memory.getvalue()


def fill_canvas(export, rows, assignment, column=None):
    """Return Canvas' own export with the scores of an assignment in its column, as CSV, and who was not found.

    The other assignments are left out, since an import writes all that it is given.

    Parameters
    ----------
    export : str
        The text of the file that Canvas has exported.
    rows : list of dict
        The rows of grades.csv.
    assignment : str
        Its name.
    column : str, optional
        The column's title, "Forward (1234)"; if None, the one that begins with the assignment's name.

    Returns
    -------
    text : str
    missed : list of str
        Students with a score who are not in the export.

    Raises
    ------
    ValueError
        If this is no export of Canvas, or no single column fits, or Canvas counts with another maximum.
    """
    head, *lines = list(csv.reader(io.StringIO(export.removeprefix("\ufeff")))) or [[]]
    titles = [title.strip().casefold() for title in head]
    if titles[:2] != OF_A_STUDENT[:2]:
        raise ValueError(f"EXPORT must be what Canvas exports, with the columns Student and ID, got {head[:3]}")
    place = place_of(head, assignment, column)
    kept = [titles.index(title) for title in OF_A_STUDENT if title in titles]
    login = titles.index("sis login id") if "sis login id" in titles else None
    scores = {}
    for row in rows:
        if row["assignment"] == assignment and row["status"] == GRADED:
            scores[row["student"]] = float(row["score"]), float(row["max_score"])
    by_number = {NUMBER.match(student)[2]: student for student in scores if NUMBER.match(student)}
    by_number |= {found[1]: row["student"] for row in rows if (found := canvas_number(row["file"]))}
    out, found = [[head[at] for at in (*kept, place)]], set()
    for line in lines:
        value = line[place]
        if line[0].strip().casefold().startswith("points possible"):
            check_maximum(value, scores, head[place])
        elif line[1].strip():
            student = by_number.get(line[1].strip())
            student = student if student in scores else line[login] if login is not None else line[0]
            if student in scores:
                value = f"{scores[student][0]:g}"
                found.add(student)
        out.append([*(line[at] for at in kept), value])
    return csv_text(out), sorted(scores.keys() - found)


def canvas_number(file):
    """Return a match with Canvas' number of a student in the name of a file as it was delivered, or None."""
    return re.match(r"^[^/]+?_(?:LATE_)?(\d+)_\d+_[^/]*$", file)


def place_of(head, assignment, column):
    """Return which column of Canvas is the assignment's."""
    if column:
        found = [place for place, title in enumerate(head) if title.strip() == column.strip()]
    else:
        title = re.compile(rf"{assignment}\b.*\(\d+\)$", re.I)
        found = [place for place, text in enumerate(head) if title.match(text.strip())]
    if len(found) != 1:
        titles = [text for text in head if re.search(r"\(\d+\)$", text.strip())]
        raise ValueError(f"COLUMN must be the title of one column, one of {titles}, got {column!r} for {assignment!r}")
    return found[0]


def check_maximum(value, scores, title):
    """Raise ValueError if Canvas gives another number of points for an assignment than we do."""
    ours = {most for _, most in scores.values()}
    if value.strip() and ours and ours != {float(value)}:
        raise ValueError(f"Canvas has {value.strip()} points for {title!r}, we have {max(ours):g}: change it in Canvas")


def csv_text(lines):
    """Return lines as CSV."""
    memory = io.StringIO(newline="")
    csv.writer(memory).writerows(lines)
    return memory.getvalue()


def main():
    """Fill in the export that the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", metavar="EXPORT", nargs="?", default="")
    parser.add_argument("--assignment", choices=NAMES)
    parser.add_argument("--column")
    parser.add_argument("--course", type=Path, default=COURSE)
    args = parser.parse_args()
    if not args.assignment or not Path(args.export).is_file():
        print("Type: make canvas EXPORT=file ASSIGNMENT=forward, a file that Canvas has exported.", file=sys.stderr)
        return 2
    try:
        text = Path(args.export).read_text(encoding="utf-8-sig")
        filled, missed = fill_canvas(text, list(rows_of(args.course)), args.assignment, args.column)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    target = args.course / "canvas" / f"{args.assignment}.csv"
    write(target, filled)
    for student in missed:
        print(f"not in the export: {student}")
    print(f"Import this into Canvas: {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
