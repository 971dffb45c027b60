"""Due dates and extensions, in the gradebook.

python -m grading.dates forward --due "2026-12-01 23:59 UTC"    make due ASSIGNMENT=forward DATE="2026-12-01 23:59 UTC"
python -m grading.dates forward --student ada --days 2          make extend STUDENT=ada ASSIGNMENT=forward DAYS=2
"""

import argparse
import sys
from datetime import UTC
from pathlib import Path

from dateutil.parser import ParserError, parse
from nbgrader.api import MissingEntry

from grading.course import COURSE, NAMES, gradebook, nbgrader
from grading.files import Busy, lock


def set_due(assignment, date, course=COURSE):
    """Set when an assignment is due, "2026-12-01 23:59 UTC"; return the date in UTC as text."""
    try:
        due = parse(date)
    except ParserError:
        raise ValueError(f'DATE must be like "2026-12-01 23:59 UTC", got {date!r}') from None
    if due.tzinfo is None:
        raise ValueError(f'DATE must name its time zone, like "2026-12-01 23:59 UTC" or "... +0100", got {date!r}')
    text = due.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    with lock(course), gradebook(nbgrader(course)) as book:
        book.update_or_create_assignment(assignment, duedate=text)
    return text


def extend(assignment, student, days, course=COURSE):
    """Give a student so many days more, counted from the due date; return until when, in UTC, as text."""
    with lock(course), gradebook(nbgrader(course)) as book:
        try:
            if book.find_assignment(assignment).duedate is None:
                raise ValueError(f"ASSIGNMENT must have a due date first (make due), got {assignment!r}")
            book.find_student(student)
        except MissingEntry:
            raise ValueError(f"STUDENT must be in the gradebook or the roster, got {student!r}") from None
        book.update_or_create_submission(assignment, student)
        book.grant_extension(assignment, student, days=days)
        return book.find_submission(assignment, student).duedate.strftime("%Y-%m-%d %H:%M:%S UTC")


def main():
    """Set what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment", choices=NAMES)
    parser.add_argument("--due")
    parser.add_argument("--student")
    parser.add_argument("--days", type=float)
    parser.add_argument("--course", type=Path, default=COURSE)
    args = parser.parse_args()
    try:
        if args.due:
            print(f"{args.assignment} is due at {set_due(args.assignment, args.due, args.course)}.")
        elif args.student and args.days is not None:
            until = extend(args.assignment, args.student, args.days, args.course)
            print(f"{args.assignment} of {args.student} is due at {until}. `make feedback` counts anew.")
        else:
            parser.error("--due, or --student and --days")
    except (ValueError, Busy) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
