"""The class at a glance: for each assignment the scores, which concept was lost how often, and by which mistake."""

from collections import Counter
from dataclasses import dataclass

from grading.page import template

BARS = 10  # of a histogram, from nothing to all points
GIVES = "Your numbers are what comes out if "  # begins most mistakes


@dataclass
class Concept:
    """What a class has made of a concept."""

    title: str
    judged: int
    lost: int
    mistakes: list  # of (mistake, how many), the most frequent first

    @property
    def share(self):
        """Return which part of the class has lost it, in percent."""
        return round(100 * self.lost / self.judged)


@dataclass
class Summary:
    """What a class has made of an assignment."""

    name: str
    rows: list  # of grades.csv
    concepts: list
    missing: list  # of the roster, who has handed in nothing

    @property
    def graded(self):
        """Return the rows that have a score."""
        return [row for row in self.rows if row["score"] != ""]

    @property
    def waiting(self):
        """Return how many have written answers that nobody has graded yet."""
        return sum(row["status"] == "grade by hand" for row in self.rows)

    @property
    def late(self):
        """Return how many were late."""
        return sum(row.get("late", "") not in ("", 0) for row in self.rows)

    @property
    def median(self):
        """Return the score that half of the class has reached."""
        scores = sorted((float(row["score"]) for row in self.graded), reverse=True)
        return scores[(len(scores) - 1) // 2]

    @property
    def histogram(self):
        """Return for each bar its lowest score, its highest and how many students it has."""
        most = max(float(row["max_score"]) for row in self.graded)
        bars = Counter(min(int(BARS * float(row["score"]) / most), BARS - 1) for row in self.graded)
        return [(most * bar / BARS, most * (bar + 1) / BARS, bars[bar]) for bar in range(BARS)]


def summaries(rows, verdicts, roster):
    """Return a `Summary` for each assignment that somebody has handed in.

    Parameters
    ----------
    rows : list of dict
        The rows of grades.csv.
    verdicts : iterable of dict
        What grading has found, one for each submission.
    roster : list of dict
        The class, if it is known.
    """
    concepts, mistakes = {}, {}
    for verdict in verdicts:
        for name, concept in verdict["concepts"].items():
            found = concepts.setdefault(verdict["assignment"], {}).setdefault(name, Concept(concept["title"], 0, 0, []))
            found.judged += 1
            if concept["points"] < concept["max"]:
                found.lost += 1
                mistakes.setdefault(name, Counter())[concept["mistake"]] += 1
    for of_one in concepts.values():
        for name, concept in of_one.items():
            counted = mistakes.get(name, Counter()).most_common()
            concept.mistakes = [(in_short(mistake), times) for mistake, times in counted]
    names = sorted({row["assignment"] for row in rows if row["assignment"] in concepts})
    found = []
    for name in names:
        of_it = [row for row in rows if row["assignment"] == name]
        there = {row["student"] for row in of_it}
        missing = [person for person in roster if person["student"] not in there]
        found.append(Summary(name, of_it, list(concepts[name].values()), missing))
    return found


def in_short(mistake):
    """Return a mistake as it stands in a list."""
    return mistake.removeprefix(GIVES).rstrip(".") or "a mistake that we do not know, or it hangs"


def class_page(rows, verdicts, roster=()):
    """Return the page as HTML; the parameters are those of `summaries`."""
    found = summaries(rows, verdicts, roster)
    lost = [row for row in rows if row["status"].startswith("NOT GRADED")]
    return template("class_page.html").render(assignments=found, not_graded=lost)
