"""Rebuild a submission: the release's cells, with the student's answers in them and the student's own cells between.

nbgrader finds cells by metadata, which students lose, copy and edit without knowing (Colab and some editors drop it,
split and copied cells have it twice). What comes out of here has each cell of the release once, as it was handed out.
"""

import ast
import functools
from copy import deepcopy

import nbformat

from grading.answers import DEFINITION, ODD, defined_in, is_test, source_of, title_of, tree_of
from grading.words import say

PICTURES = {"image/png", "image/jpeg"}
LONGEST_OUTPUT = 20_000  # characters of a text output that a grader sees


def repair(submitted, release):
    """Return a notebook with the cells of the release and the answers of a submission, and what had to be mended.

    Parameters
    ----------
    submitted : dict
        The submission as JSON gives it; anything may be wrong with it.
    release : NotebookNode
        The notebook that was handed out.

    Returns
    -------
    notebook : NotebookNode
    remarks : list of str

    Raises
    ------
    ValueError
        If the submission has no cells at all.
    """
    cells = submitted.get("cells") if isinstance(submitted, dict) else None
    cells = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    if not cells:
        raise ValueError(say("the file is no notebook: it has no cells"))
    places, versions, own, remarks = match(cells, release.cells), {}, {}, []
    last = -1
    for cell, place in zip(cells, places, strict=True):
        if place is None:
            own.setdefault(last, []).append(cell)
            continue
        last = place
        given = release.cells[place]
        if is_answer(given):
            versions.setdefault(place, []).append(cell)
        elif given.cell_type == "code" and (typed := typed_into(cell, given)):
            own.setdefault(place - is_test(given), []).append({"cell_type": "code", "source": typed})
            above = say("{0}: code that was typed into this cell now stands above it", name_of(given))
            below = say("{0}: code that was typed into this cell now stands below it", name_of(given))
            remarks.append(above if is_test(given) else below)

    out = [own_cell(cell) for cell in own.get(-1, [])]
    for place, given in enumerate(release.cells):
        cell = deepcopy(given)
        if is_answer(given):
            found = versions.get(place, [])
            remarks += remarks_on(given, found)
            answers = [c for c in found if source_of(c).strip() != given.source.strip()]
            if cell.cell_type == "code":
                out += [own_cell(c) for c in answers[:-1]]  # they run before the last, as in the student's notebook
                answers = answers[-1:]
            if answers:
                cell.source = "\n\n---\n\n".join(map(source_of, answers))
                fill(cell, answers[-1])
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        out.append(cell)
        out += [own_cell(c) for c in own.get(place, [])]
    notebook = deepcopy(release)
    for number, cell in enumerate(out):
        cell.setdefault("id", f"own-{number}")
    notebook.cells = out
    return notebook, remarks


def match(cells, given):
    """Return for each submitted cell the place of the release's cell that it is, or None if it is the student's own."""
    by_id = {grade_id(cell): place for place, cell in enumerate(given) if grade_id(cell)}
    by_source = {cell.source.strip(): place for place, cell in enumerate(given)}
    by_name = {name: p for p, cell in enumerate(given) if is_answer(cell) for name in names_defined_in(cell.source)}
    places = []
    for cell in cells:
        source = source_of(cell)
        place = by_id.get(grade_id(cell))
        if place is None:
            place = by_source.get(source.strip())
        if place is None and cell.get("cell_type") == "code":
            last = max((p for p in places if p is not None), default=-1)  # below its tests, it is a cell of its own
            named = (by_name[name] for name in names_defined_in(source) if name in by_name)
            place = next((p for p in named if p >= last), None)
        if place is None and places and places[-1] is not None and cell.get("cell_type") == "markdown":
            following = places[-1] + 1  # a written answer stands below its question
            if following < len(given) and is_answer(given[following]) and given[following].cell_type == "markdown":
                place = following
        places.append(place)
    return places


def name_of(cell):
    """Return by which name a student knows a cell: what it defines, or the title of its tests; of another, its id."""
    if cell.cell_type == "code" and is_answer(cell):
        return ", ".join(names_defined_in(cell.source)) or grade_id(cell)
    return title_of(cell) if is_test(cell) else grade_id(cell)


def remarks_on(given, found):
    """Return what is to be said about the versions of an answer."""
    name = name_of(given)
    if not found:
        return [say("{0}: the cell of this answer is gone", name)]
    remarks = []
    if any(grade_id(cell) != grade_id(given) for cell in found):
        remarks.append(say("{0}: had lost its metadata", name))
    if len(found) > 1:
        remarks.append(say("{0}: {1} cells, the last definition counts", name, len(found)))
    if any(cell.get("cell_type") != given.cell_type for cell in found):
        remarks.append(say("{0}: the type of its cell had been changed", name))
    return remarks


def is_answer(cell):
    """Return whether a cell of the release is to be filled in."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def grade_id(cell):
    """Return the name that nbgrader has given to a cell, or None."""
    meta = cell.get("metadata")
    meta = meta.get("nbgrader") if isinstance(meta, dict) else None
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return name if isinstance(name, str) else None


@functools.lru_cache(maxsize=1000)
def names_defined_in(source):
    """Return the functions and classes that a cell defines, though it be no Python."""
    try:
        return [node.name for node in ast.parse(source).body if isinstance(node, DEFINITION)]
    except ODD:  # magics are enough
        return defined_in(source)


def typed_into(cell, given):
    """Return what a student has typed into a locked cell: its code without the statements that were there already.

    An assert is not taken: it is one of the cell's own that was changed.
    """
    source = source_of(cell)
    if source.strip() == given.source.strip():
        return ""
    try:
        there, nodes = set(map(ast.dump, tree_of(given.source))), tree_of(source)
    except ODD:
        return source if defined_in(source) else ""
    kept = [node for node in nodes if ast.dump(node) not in there and not isinstance(node, ast.Assert | ast.Pass)]
    return "\n\n".join(map(ast.unparse, kept))


def own_cell(cell):
    """Return a cell of the student's own, without what could be taken for the course's."""
    if cell.get("cell_type") != "code":
        new = nbformat.v4.new_markdown_cell(source_of(cell))
    else:
        new = nbformat.v4.new_code_cell(source_of(cell))
    new.pop("id", None)
    fill(new, cell)
    return new


def fill(cell, submitted):
    """Give a cell the pictures and outputs of a submitted one: text and pixels, nothing that a browser would run."""
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = harmless(submitted.get("outputs")), None
        return
    attachments = submitted.get("attachments")
    pictures = {
        str(name): pictures_in(content)
        for name, content in (attachments.items() if isinstance(attachments, dict) else [])
        if isinstance(content, dict)
    }
    if pictures:
        cell.attachments = nbformat.from_dict(pictures)


def harmless(outputs):
    """Return the outputs of a cell that are text or pixels."""
    kept = []
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        if isinstance(data, dict):
            pictures = {
                kind: content for kind, content in data.items() if kind in PICTURES and isinstance(content, str)
            }
            text = {} if pictures else {"text/plain": text_of(data.get("text/plain"))}
            kept.append(nbformat.v4.new_output("display_data", data=pictures or text))
        elif output.get("output_type") == "error":
            kept.append(
                nbformat.v4.new_output("stream", text=text_of(f"{output.get('ename')}: {output.get('evalue')}"))
            )
        else:
            kept.append(nbformat.v4.new_output("stream", text=text_of(output.get("text"))))
    return kept


def pictures_in(data):
    """Return the pictures among the formats of an output or an attachment."""
    return {kind: content for kind, content in data.items() if kind in PICTURES and isinstance(content, str)}


def text_of(value):
    """Return a text output as one string, cut where it is long."""
    text = "".join(map(str, value)) if isinstance(value, list) else str(value or "")
    return text if len(text) <= LONGEST_OUTPUT else text[:LONGEST_OUTPUT] + "\n[cut]"
