"""How results that carry a verdict are shown: as a table, on a page, in a notebook and as plain text."""

import re
from html import escape

import numpy as np

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
MINUS = re.compile(r"(?<![\w.)])-(?=\d)")  # of a number, neither of 3e-05 nor of a name
LEFT, CENTER, RIGHT = (f'style="text-align: {side}"' for side in ("left", "center", "right"))  # in notebooks, too


class Table:
    """Rows of results under a header: HTML where it can be shown, aligned columns elsewhere.

    Parameters
    ----------
    *head : str or tuple of str
        The headers with their units, like ``"gain (points)"``; the first is that of the names of the rows. A tuple
        ``("memorized", "epoch 40", "epoch 120")`` stands for two columns below one more header.
    digits : int
        Digits after the point of the values that are floats.
    best : dict of str to function, optional
        ``{"loss": min}`` marks in each group the row with the smallest loss as shown, or the rows that share it. A row
        without a number there, like ``"never"``, does not take part.

    Raises
    ------
    ValueError
        If ``best`` names no header.

    >>> table = Table("batch size", "loss", "gain (points)", best={"loss": min})
    >>> table.add(2, 0.5, "-1.5 ± 0.2")
    >>> table.add(16, 0.25, "+3.0 ± 0.1")
    >>> table
    batch size  loss  gain (points)
    2           0.50     -1.5 ± 0.2
    16 (best)   0.25     +3.0 ± 0.1

    The runs of several seeds are shown as their mean and standard deviation.

    >>> table = Table("batch size", "loss ± std")
    >>> table.add(2, [0.4, 0.5, 0.6])
    >>> table
    batch size   loss ± std
    2           0.50 ± 0.10
    """

    def __init__(self, *head, digits=2, best=None):
        self.head = [entry if isinstance(entry, tuple) else ("", entry) for entry in head]
        self.columns = [str(name) for _, *names in self.head for name in names]
        self.digits, self.best, self.groups = digits, best or {}, [("", [])]
        for name in self.best:
            if name not in self.columns[1:]:
                raise ValueError(f"best must name one of {self.columns[1:]}, got {name!r}")

    def add(self, name, *values):
        """Add a row: its name, and for each other column a number, an array of shape (seeds,) or a text."""
        if len(values) != len(self.columns) - 1:
            raise ValueError(f"values must be {len(self.columns) - 1}, one for each column, got {len(values)}")
        if any(np.ndim(value) > 1 and max(np.shape(value)) > 1 for value in values):
            raise ValueError(f"an array of runs must have shape (seeds,), got {[np.shape(value) for value in values]}")
        self.groups[-1][1].append([str(name), *map(self._shown, values)])

    def group(self, title):
        """Begin a group of rows below a title."""
        self.groups.append((str(title), []))

    def _shown(self, value):
        """Return a value as text; a number of NumPy or torch is shown as one of Python, several by mean ± std."""
        if np.ndim(value) == 1 and len(value) > 1:
            runs = np.asarray(value, float)
            mean, std = runs.mean(), runs.std(ddof=1)  # of the unbiased variance
            return f"{mean:.{self.digits}f} ± {std:.{self.digits}f}"
        value = value.item() if hasattr(value, "item") else value
        return f"{value:.{self.digits}f}" if isinstance(value, float) else str(value)

    def _is_best(self, row, rows):
        """Tell whether no other row is better in a column of ``best``."""
        for name, choose in self.best.items():
            column = self.columns.index(name)
            found, *others = (NUMBER.search(r[column]) for r in [row, *rows])
            if found and float(found[0]) == choose(float(other[0]) for other in others if other):
                return True
        return False

    def __repr__(self):
        lines = [self.columns]
        if any(over for over, *_ in self.head):
            lines.insert(0, [cell for over, *names in self.head for cell in [over, *[""] * (len(names) - 1)]])
        for title, rows in self.groups:
            lines += [[title]] if title else []
            lines += [[name + " (best)" * self._is_best([name, *v], rows), *v] for name, *v in rows]
        widths = [max(map(len, cells)) for cells in zip(*(line for line in lines if len(line) > 1), strict=True)]
        aligned = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
        return "\n".join("  ".join(line).rstrip() for line in aligned)

    def _repr_html_(self):
        head = [header(self.columns[0], "col", LEFT) + "".join(header(c, "col", RIGHT) for c in self.columns[1:])]
        if any(over for over, *_ in self.head):
            spans = [header(over, "colgroup", f'colspan="{len(names)}" {CENTER}') for over, *names in self.head]
            head.insert(0, "".join(spans))
        bodies = "".join(self._body(title, rows) for title, rows in self.groups if rows)
        table = f"<table>\n<thead>{in_rows(head)}</thead>\n{bodies}</table>"
        return f'<div class="book-table" style="overflow-x: auto">\n{table}\n</div>'

    def _body(self, title, rows):
        """Return the HTML of a group."""
        lines = [header(title, "rowgroup", f'colspan="{len(self.columns)}" {LEFT}')] if title else []
        for row in rows:
            best = self._is_best(row, rows)
            name, *cells = [f"<strong>{in_html(cell)}</strong>" if best else in_html(cell) for cell in row]
            name += " <small>(best)</small>" if best else ""
            cells = "".join(f"<td {RIGHT}>{cell}</td>" for cell in cells)
            lines.append(f'<th scope="row" {LEFT}>{name}</th>{cells}')
        return f"<tbody>{in_rows(lines)}</tbody>\n"


def in_rows(lines):
    """Return the HTML of rows."""
    return "\n" + "".join(f"<tr>{line}</tr>\n" for line in lines)


def header(words, scope, attributes):
    """Return the HTML of a header; an empty corner is none."""
    return f'<th scope="{scope}" {attributes}>{in_html(words)}</th>' if words else "<td></td>"


def in_html(words):
    """Return a text for HTML; a negative number has a minus sign, and stays with its spread in one line."""
    return MINUS.sub("−", escape(words)).replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
