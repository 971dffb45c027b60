"""Who is in the class: one person is one student in all assignments, and who has handed in nothing is known.

Moodle puts a number behind each name, which is another one in each assignment; Canvas puts a number that stays. With
a roster, an e-mail address or a full name becomes the student's name in the gradebook. Without one, a name of Moodle
loses its number where no second person of that name is in sight.

python -m grading.roster participants.csv [--course folder]     `make roster FILE=participants.csv`
"""

import argparse
import csv
import io
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from grading.collect import MOODLE, best, in_order, name_of
from grading.course import COURSE, gradebook, nbgrader
from grading.files import Busy, lock, write
from grading.words import say

ROSTER = "roster.csv"
COLUMNS = ["student", "name", "email", "canvas"]
NUMBER = re.compile(r"^(.+)_(\d+)$")  # what `collect` makes of Moodle's and Canvas's names
OF_CANVAS = re.compile(r"^[^/]+?_(?:LATE_)?\d+_\d+_[^/]*$")
MARKED_LATE = re.compile(r"^[^/]+?_LATE_\d+_\d+_[^/]*$")


def read_roster(course):
    """Return the rows of a course's roster, none if there is none."""
    path = Path(course) / ROSTER
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def words(name):
    """Return what two spellings of a name have in common: "O'Neil, Shaun" is "Shaun O-Neil"."""
    return " ".join(sorted(re.findall(r"\w+", name.casefold())))


def participant(file):
    """Return Moodle's number in the path of a file as it was delivered, or None."""
    found = MOODLE.match(file.split("/")[0])
    return NUMBER.match(found[1])[2] if found else None


def marked_late(file):
    """Return whether Canvas has called a file late, in its name."""
    return bool(MARKED_LATE.match(file))


def identify(submissions, course):
    """Give each submission the name of its person; return the submissions, one for each person and assignment.

    Parameters
    ----------
    submissions : list of Submission
        As `collect` names them, with the numbers of Moodle and Canvas; ``student`` is changed.
    course : path
        The course's folder, with a roster perhaps, and with the verdicts of earlier gradings.
    """
    people, holders = People(read_roster(course)), holders_of(course)
    claims = defaultdict(set)  # of a name in an assignment: the numbers that have it, or want it
    for (assignment, number), student in holders.items():
        claims[student, assignment].add(number)
    for submission in submissions:
        if number := moodle_number(submission.path):
            claims[people.find(submission.student, submission.path), submission.assignment].add(number)
    found = defaultdict(list)
    for submission in submissions:
        number, name = moodle_number(submission.path), people.find(submission.student, submission.path)
        if held := holders.get((submission.assignment, number)):
            submission.student = held
        elif len(claims[name, submission.assignment]) < 2 or not number:
            submission.student = name
        else:
            submission.remarks.append(say("the number stays in the name: there is a second person who is called so"))
        found[submission.student, submission.assignment].append(submission)
    return in_order(best(versions) for versions in found.values())


def moodle_number(path):
    """Return the number that Moodle has put into the path of a submission, or None."""
    parts = [participant(part) for part in path.parts]
    return next((number for number in reversed(parts) if number), None)


def holders_of(course):
    """Return, from the verdicts, whose each of Moodle's numbers was: by assignment and number, the student."""
    found = {}
    for path in Path(course).glob("verdicts/*/*.json"):
        verdict = json.loads(path.read_text(encoding="utf-8"))
        if number := participant(verdict["file"]):
            found[verdict["assignment"], number] = verdict["student"]
    return found


class People:
    """The persons of a roster, found by any of their names."""

    def __init__(self, rows):
        names = Counter(words(row["name"]) for row in rows)
        self.by_name = {words(row["name"]): row["student"] for row in rows if names[words(row["name"])] == 1}
        self.by_canvas = {row["canvas"]: row["student"] for row in rows if row["canvas"]}
        self.by_address = {row["email"].casefold(): row["student"] for row in rows if row["email"]}
        self.by_address |= {row["student"].casefold(): row["student"] for row in rows}
        before = Counter(address.partition("@")[0] for address in self.by_address)  # ada of ada@uni.edu
        alone = {address.partition("@")[0]: who for address, who in self.by_address.items()}
        self.by_address = {name: who for name, who in alone.items() if before[name] == 1} | self.by_address

    def find(self, name, path):
        """Return the student who is called so by the path of a submission."""
        if address := self.by_address.get(name.casefold()):
            return address
        split = NUMBER.match(name)
        if split and moodle_number(path):
            return self.by_name.get(words(split[1]), split[1])
        if split and OF_CANVAS.match(path.name):
            return self.by_canvas.get(split[2], name)
        return self.by_name.get(words(name), name)


def import_roster(path, course=COURSE):
    """Write a course's roster from a list of participants, and their names into the gradebook; return the rows.

    Parameters
    ----------
    path : path
        A table with a header, as platforms export it: Moodle's participants (First name, Last name or Surname, Email
        address, Username), Canvas' gradebook (Student, ID, SIS Login ID), or our own (student, name, email, canvas).
    course : path
        The course's folder, with a gradebook.
    """
    rows = []
    for row in table_in(path):
        person = person_of({key.strip().casefold(): (value or "").strip() for key, value in row.items() if key})
        if person:
            person["student"] = name_of(person["student"], {other["student"] for other in rows})
            rows.append(person)
    if not rows:
        raise ValueError(f"FILE must have columns like 'Email address' or 'Student', got {str(path)!r}")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    with lock(course), gradebook(nbgrader(course)) as book:
        write(Path(course) / ROSTER, text.getvalue())
        for row in rows:
            first, _, last = row["name"].rpartition(" ")
            book.update_or_create_student(row["student"], first_name=first, last_name=last, email=row["email"])
    return rows


def table_in(path):
    """Return the rows of a table, whatever stands between its columns."""
    text = Path(path).read_text(encoding="utf-8-sig")
    separator = max(",;\t", key=text.split("\n")[0].count)
    return list(csv.DictReader(text.splitlines(), delimiter=separator))


def person_of(row):
    """Return one row of a roster from one row of an exported table, or None if it is no person's."""
    name = row.get("name") or row.get("full name") or row.get("student") or ""
    if first := row.get("first name"):
        name = f"{first} {row.get('last name') or row.get('surname') or ''}".strip()
    elif "," in name:
        last, first = name.split(",", 1)  # Canvas: "Lovelace, Ada"
        name = f"{first.strip()} {last.strip()}"
    email = row.get("email address") or row.get("email") or ""
    canvas = row.get("canvas") or (row.get("id", "") if "student" in row and "name" not in row else "")
    student = row["student"] if "name" in row and row.get("student") else ""
    student = student or row.get("username") or row.get("sis login id") or email or name
    if not student or name.casefold().startswith("points possible"):
        return None
    return {"student": student, "name": name, "email": email, "canvas": canvas}


def main():
    """Import what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE", nargs="?", default="")
    parser.add_argument("--course", type=Path, default=COURSE)
    args = parser.parse_args()
    if not args.file or not Path(args.file).is_file():
        print("Type: make roster FILE=participants.csv, a table that your platform has exported.", file=sys.stderr)
        return 2
    try:
        rows = import_roster(args.file, args.course)
    except (ValueError, UnicodeDecodeError, Busy) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(rows)} students. {args.course / ROSTER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
