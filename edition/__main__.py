"""What a translator types.

python -m edition update                      bring all catalogs up to the present English text: `make translate`
python -m edition check [CATALOG...]          print what is wrong and count what is open
python -m edition show CATALOG                the translation to read through, in English where a block is open
python -m edition todo CATALOG > open.json    the open blocks, each with its number and its terms
python -m edition fill CATALOG ANSWERS.json   take {number: Chinese}; sound ones are written, faults are printed
python -m edition write FOLDER                the Chinese notebooks, for JupyterLab; what a reader has changed stays
"""

import argparse
import json
import sys
from pathlib import Path

from edition.catalogs import FOLDER, is_open, read, update
from edition.faults import faults_of, terms_in
from edition.write import write_for_readers


def check(paths):
    """Print each fault with the English of its block, then what is open; return whether all is done."""
    wrong, left, blocks = 0, 0, 0
    for path in paths:
        catalog = read(path)
        left, blocks = left + sum(map(is_open, catalog)), blocks + len(catalog)
        for entry in catalog:
            wrong += 0 if is_open(entry) else report(path, entry)
    print(f"{blocks} blocks: {left} open, {wrong} faults")
    return left + wrong == 0


def report(path, entry):
    """Print the faults of an entry; return how many there are."""
    faults = faults_of(entry)
    if faults:
        print(f"{path}\n  {entry.msgid}\n  {entry.msgstr}", *(f"  - {fault}" for fault in faults), "", sep="\n")
    return len(faults)


def show(path):
    """Print what readers will read, block by block."""
    for number, entry in enumerate(read(path)):
        print(f"[{number}, {entry.comment}] {entry.msgid if is_open(entry) else entry.msgstr}\n")


def todo(path):
    """Print the open blocks as JSON; of a changed block, also the English and Chinese before."""
    blocks = []
    for number, entry in enumerate(read(path)):
        if is_open(entry):
            block = {"number": number, "kind": entry.comment, "english": entry.msgid, "terms": terms_in(entry.msgid)}
            old = {"english before": entry.previous_msgid, "chinese before": entry.msgstr} if entry.fuzzy else {}
            blocks.append(block | old)
    print(json.dumps(blocks, ensure_ascii=False, indent=1))


def fill(path, answers):
    """Write the sound ones of the translations ``{number: Chinese}``, print the others; return whether all are."""
    catalog, wrong = read(path), 0
    for number, chinese in answers.items():
        entry = catalog[int(number)]
        before = entry.msgstr
        entry.msgstr = chinese.strip()
        if faults := report(f"number {number}", entry):
            wrong += faults
            entry.msgstr = before
        else:
            entry.flags, entry.previous_msgid = [], None
    path.write_text(f"{catalog}\n", "utf8")
    print(f"{len(answers)} taken, {wrong} faults, {sum(map(is_open, catalog))} blocks open")
    return not wrong


def main():
    """Do what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["update", "check", "show", "todo", "fill", "write"])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    args = parser.parse_args()
    if args.command == "update":
        print(*update(), sep="\n")
    if args.command in {"update", "check"}:
        done = check(args.files or sorted(FOLDER.rglob("*.po")))
        return 0 if args.command == "update" else int(not done)
    if args.command in {"show", "todo"}:
        return {"show": show, "todo": todo}[args.command](*args.files)
    if args.command == "write":
        print(*(f"{path} stays as you have changed it" for path in write_for_readers(*args.files)), sep="\n")
        return 0
    catalog, answers = args.files
    return int(not fill(catalog, json.loads(answers.read_text("utf8"))))


if __name__ == "__main__":
    sys.exit(main())
