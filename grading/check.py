"""What the grader says of one notebook, with nothing written: for a student's own file, and when a grade is disputed.

python -m grading.check mine.ipynb [--seed 123] [--assignment forward] [--wall none]    make check NOTEBOOK=mine.ipynb
"""

import argparse
import sys
from pathlib import Path

from grading.course import COURSE, NAMES, release_of
from grading.judge import new_seed
from grading.sandbox import WALLS
from grading.walls import NoWall, choose, describe


def told(verdict):
    """Return a verdict as lines: the points of each concept, and what is to be said about a lost one."""
    if verdict["state"] != "graded":
        return [f"Not graded: {verdict['reason']}"]
    lines = [f"{verdict['assignment']}, seed {verdict['seed']}", *verdict["remarks"], ""]
    for concept in verdict["concepts"].values():
        lines.append(f"{concept['points']:g} of {concept['max']:g}  {concept['title']}")
        if concept["points"] < concept["max"]:
            said = [concept["mistake"], *concept["lines"], *concept["lesson"].splitlines()]
            lines += [f"    {line}" for line in dict.fromkeys(said) if line]
    points = sum(concept["points"] for concept in verdict["concepts"].values())
    most = sum(concept["max"] for concept in verdict["concepts"].values())
    lines += ["", f"{points:g} of {most:g}"]
    by_hand = sum(written["max"] for written in verdict["written"].values())
    return [*lines, f"{by_hand:g} more are given by hand, for what is written."] if by_hand else lines


def main():
    """Check what the command line names; return 1 if points are lost, 2 if nothing could be judged."""
    from grading.release import make
    from grading.verdict import verdict

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", metavar="NOTEBOOK", nargs="?", default="")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--assignment", choices=NAMES)
    parser.add_argument("--wall", help="one of " + ", ".join(WALLS))
    parser.add_argument("--course", type=Path, default=COURSE)
    args = parser.parse_args()
    if not Path(args.notebook).is_file():
        print(f"Type: make check NOTEBOOK=mine.ipynb, a file; there is no file {args.notebook!r}.", file=sys.stderr)
        return 2
    if missing := [name for name in NAMES if not release_of(name, args.course).exists()]:
        make(missing, args.course, database=False)
    try:
        wall = choose(args.wall)
    except (ValueError, NoWall) as error:
        print(error, file=sys.stderr)
        return 2
    print(describe(wall))
    seed = new_seed() if args.seed is None else args.seed
    found = verdict(args.notebook, args.assignment, seed)
    print("\n".join(told(found)))
    if found["state"] != "graded":
        return 2
    return int(any(concept["points"] < concept["max"] for concept in found["concepts"].values()))


if __name__ == "__main__":
    sys.exit(main())
