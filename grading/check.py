"""What the grader says of one notebook, with nothing written: for a student's own file, and when a grade is disputed.

python -m grading.check mine.ipynb [--seed 123] [--assignment forward] [--wall none]    make check NOTEBOOK=mine.ipynb
"""

import argparse
import sys
from pathlib import Path

from grading.collect import HandIn, assignments_of, sort_out
from grading.course import COURSE, NAMES, release_of
from grading.judge import new_seed
from grading.release import make
from grading.sandbox import WALLS
from grading.verdict import GRADED, NOT_GRADED, verdict
from grading.walls import NoWall, choose, describe
from grading.words import in_own_language, sayer, words_of


def check(path, seed, wall=None, only=None, course=COURSE):
    """Return the verdicts on a file: one for each assignment that it holds the cells of."""
    if missing := [name for name in NAMES if not release_of(name, course).exists()]:
        make(missing, course, database=False)
    found = []
    for submission in sort_out(HandIn("", path.parent, [path]), assignments_of(course, only), course):
        said = {"state": NOT_GRADED, "reason": submission.problem, "language": submission.language}
        said["words"] = words_of(said, submission.language)
        if not submission.problem:
            said = verdict(path, submission.assignment, seed, wall, course=course)
        found.append(said)
    return found


def told(said):
    """Return a verdict as lines: the points of each concept, and what is to be said about a lost one."""
    said, say = in_own_language(said), sayer(said["language"])
    if said["state"] != GRADED:
        return [say("Not graded: {0}", said["reason"])]
    lines = [say("{0}, seed {1}", said["assignment"], said["seed"]), *said["remarks"], ""]
    for concept in said["concepts"].values():
        points = say("{0} of {1}", f"{concept['points']:g}", f"{concept['max']:g}")
        lines.append(f"{points}  {concept['title']}")
        if concept["points"] < concept["max"]:
            told = [*dict.fromkeys([concept["mistake"], *concept["lines"]]), *concept["lesson"].splitlines()]
            lines += [f"    {line}" for line in told if line]
    points, most = (sum(concept[key] for concept in said["concepts"].values()) for key in ("points", "max"))
    by_hand = sum(answer["max"] for answer in said["written"].values())
    numbers = [f"{number:g}" for number in (points, most, by_hand)]
    return [*lines, "", say("{0} of {1}, and {2} more that are given by hand", *numbers)]


def main():
    """Check what the command line names; return 1 if points are lost, 2 if nothing could be judged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", metavar="NOTEBOOK", nargs="?", default="")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--assignment", choices=NAMES)
    parser.add_argument("--wall", help="one of " + ", ".join(WALLS))
    parser.add_argument("--course", type=Path, default=COURSE)
    args = parser.parse_args()
    if not Path(args.notebook).is_file():
        print(f"Type: make check NOTEBOOK=mine.ipynb, a file. There is no file {args.notebook!r}.", file=sys.stderr)
        return 2
    seed = new_seed() if args.seed is None else args.seed
    try:
        print(describe(choose(args.wall)))
        found = check(Path(args.notebook), seed, args.wall, args.assignment, args.course)
    except (ValueError, NoWall) as error:
        print(error, file=sys.stderr)
        return 2
    for said in found:
        print("\n".join(told(said)))
    if any(said["state"] != GRADED for said in found):
        return 2
    return int(any(concept["points"] < concept["max"] for said in found for concept in said["concepts"].values()))


if __name__ == "__main__":
    sys.exit(main())
