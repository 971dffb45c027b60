"""What a teacher reads after a grading, on the screen and in files beside grades.csv."""

from collections import defaultdict
from pathlib import Path

from grading.class_page import class_page
from grading.exports import csv_text, write_moodle
from grading.files import write
from grading.record import NOT_GRADED, verdicts
from grading.roster import read_roster

NOTHING = "nothing handed in"


def table(rows, roster=()):
    """Return the rows of grades.csv for the screen: a line each, remarks below them, and last what is to be done."""
    columns = [("student", "assignment", "score", "status")]
    for row in rows:
        score = f"{float(row['score']):g} of {float(row['max_score']):g}" if row["score"] != "" else ""
        late = f", {lateness(row)}" if lateness(row) else ""
        columns.append((row["student"], row["assignment"], score, row["status"].split(":")[0] + late))
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in columns]
    for row in rows:
        problem = row["status"].partition(": ")[2]
        said = [problem] if problem else row["remarks"].split("; ") if row["remarks"] else []
        if said:
            lines += ["", f"{row['student']}, {row['assignment']}:", *(f"  {text}" for text in said)]
    return "\n".join([*lines, "", *to_do(rows, roster)]) + "\n"


def lateness(row):
    """Return how late a submission was, in words, or nothing."""
    late = row.get("late", "")
    return "" if late in ("", 0) else "late" if late == "yes" else f"{float(late):.1f} h late"


def to_do(rows, roster=()):
    """Return a line for what still has to be done."""
    lost = [row["student"] for row in rows if row["status"].startswith(NOT_GRADED)]
    waiting = sum(row["status"] == "grade by hand" for row in rows)
    lines = []
    if lost:
        lines.append(f"{len(lost)} of {len(rows)} not graded ({', '.join(lost)}): ask for the file again.")
    if waiting:
        lines.append(f"{waiting} of {len(rows)} with written answers to grade: make formgrader, then make feedback.")
    for assignment in sorted({row["assignment"] for row in rows}) if roster else ():
        there = {row["student"] for row in rows if row["assignment"] == assignment}
        missing = [person["student"] for person in roster if person["student"] not in there]
        if missing and assignment != "?":
            lines.append(f"{assignment}: {len(missing)} of the roster handed in nothing ({', '.join(missing)}).")
    return lines


def write_class(course, rows):
    """Write what goes beside grades.csv: class.html, class.csv and, for what came from Moodle, its files to import.

    Parameters
    ----------
    course : path
        The course's folder.
    rows : list of dict
        The rows of grades.csv.
    """
    roster = read_roster(course)
    write(Path(course) / "class.html", class_page(rows, verdicts(course), roster))
    write(Path(course) / "class.csv", csv_text(class_table(rows, roster)))
    write_moodle(course, rows)


def class_table(rows, roster=()):
    """Return a line for each student, those of the roster who handed in nothing too, and a column for each assignment.

    A score stands where all is graded, the status where it is not; the total is that of the scores,
    and is empty as long as one is open.
    """
    assignments = sorted({row["assignment"] for row in rows} - {"?"})
    found, names = defaultdict(dict), {person["student"]: person["name"] for person in roster}
    for row in rows:
        found[row["student"]][row["assignment"]] = row["score"] if row["status"] == "graded" else row["status"]
    lines = []
    for student in sorted(found.keys() | names.keys()):
        cells = [found[student].get(name, NOTHING) for name in assignments]
        scores = [float(cell) for cell in cells if not isinstance(cell, str) or cell.replace(".", "").isdigit()]
        handed_in = len(cells) - cells.count(NOTHING)
        lines.append([student, names.get(student, ""), *cells, sum(scores) if len(scores) == handed_in else ""])
    return [["student", "name", *assignments, "total"], *lines]
