#!/usr/bin/env python3
"""Counts the instructions of one question on the hot paths (valgrind's callgrind), and compares them with bench/budget.json.

Instructions are the same in every run on every machine, where times are not. Ends with 1 where a path needs more than
TOLERANCE over its budget. With --write, what was counted becomes the budget.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent / "build/release/bin/hot_paths"
BUDGET = HERE / "budget.json"
TOLERANCE = 0.03
FEW, MANY = 20_000, 60_000  # the difference leaves out what is done once


def instructions(path, count):
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", PROGRAM, path,
                              str(count)], capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", run.stderr)[1])


def main():
    budget = json.loads(BUDGET.read_text())
    counted = {path: round((instructions(path, MANY) - instructions(path, FEW)) / (MANY - FEW)) for path in budget}
    exceeded = False
    print("path      instructions   budget")
    for path, count in counted.items():
        over = count > budget[path] * (1 + TOLERANCE)
        exceeded = exceeded or over
        print(f"{path:8} {count:13,} {budget[path]:8,}{'   more than 3 % over' if over else ''}")
    if "--write" in sys.argv[1:]:
        BUDGET.write_text(json.dumps(counted, indent=2) + "\n")
    elif exceeded:
        print("bench/budget.py: a change made this slower: profile it, or say why, and --write the new budget")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
