"""`make fresh-course`: begin anew after practising; all that was handed in and graded moves into a folder of its own.

python -m grading.fresh [--course folder]
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from grading.course import COURSE, MADE, NAMES, release_of
from grading.files import Busy, lock
from grading.release import make

OLD = "old"


def begin_anew(course=COURSE):
    """Put aside what grading has made, make an empty gradebook; return where the old is, or None."""
    course = Path(course)
    there = [course / name for name in MADE if (course / name).exists()]
    if not there:
        return None
    aside = course / OLD / time.strftime("%Y-%m-%d-%H%M%S")
    with lock(course):
        aside.mkdir(parents=True)
        for path in there:
            shutil.move(path, aside / path.name)
        make([name for name in NAMES if release_of(name, course).exists()], course)
    return aside


def main():
    """Begin anew; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--course", type=Path, default=COURSE)
    try:
        aside = begin_anew(parser.parse_args().course)
    except Busy as error:
        print(error, file=sys.stderr)
        return 2
    print(f"The old is in {aside}" if aside else "There is nothing to put aside.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
