#!/usr/bin/env python3
"""Compares holler with the bare kernel and with what people would use instead.

Each system serves on one processor and is loaded from another: build/release/bin/peer_NAME, from bench/peers. A full run
writes bench/results.json, and docs/performance.md and docs/plots/ from it.
exit codes: 0 done, 1 something failed, 2 usage, 130 interrupted
"""

import argparse
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from comparison import cases, command, measuring, page, results, systems, table

FULL = {"rounds": 5, "seconds": 1.0, "warmup": 0.3}
QUICK = {"rounds": 1, "seconds": 0.3, "warmup": 0.15}


def number(least, most, kind):
    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {least} to {most}")
        return value
    return read


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n\n")[0], allow_abbrev=False,
                                     epilog="Names for --only: " + ", ".join(case.name for case in cases.CASES) + "; "
                                     + ", ".join(system.name for system in systems.SYSTEMS))
    parser.add_argument("--quick", action="store_true", help="fewer cases and one short round, in less than two minutes")
    parser.add_argument("--rounds", type=number(1, 100, int), help="how often each system takes its turn (5)")
    parser.add_argument("--seconds", type=number(0.05, 60, float), help="how long each turn is measured (1)")
    parser.add_argument("--only", type=command.expression, help="the cases and systems 'CASE/SYSTEM' in which this is found")
    parser.add_argument("--write", action="store_true", help="write bench/results.json and what is made of it, which a full "
                        "run does anyway")
    parser.add_argument("--render", action="store_true", help="measure nothing: make docs/performance.md and docs/plots/ from "
                        "bench/results.json again")
    parser.add_argument("--json", action="store_true", help="print the results as JSON in place of tables")
    return parser.parse_args()


def plan(quick, only):
    """[(case, systems)] to be measured."""
    wanted = []
    for case in cases.CASES:
        if quick and not case.quick:
            continue
        some = [system for system in systems.SYSTEMS if case.has(system)
                and (only is None or only.search(f"{case.name}/{system.name}"))]
        if some:
            wanted.append((case, some))
    return wanted


def render_again():
    try:
        page.render(results.read())
    except (OSError, ValueError) as wrong:
        print(f"bench/compare.py: cannot render {results.FILE}: {wrong}", file=sys.stderr)
        return 1
    return 0


def measure(given, wanted):
    defaults = QUICK if given.quick else FULL
    rounds, seconds = given.rounds or defaults["rounds"], given.seconds or defaults["seconds"]
    measured = {}

    def report(case, outcome):
        measured[case.name] = outcome
        if not given.json:
            print(table.of_case(case, outcome), flush=True)

    measuring.measure_all(wanted, rounds, seconds, defaults["warmup"], report)
    return results.described(measured, rounds, seconds)


def main():
    given = arguments()
    if given.render:
        return render_again()
    wanted = plan(given.quick, given.only)
    if not wanted:
        print("bench/compare.py: --only leaves nothing to measure", file=sys.stderr)
        return 2
    measured = measure(given, wanted)
    if given.json:
        print(json.dumps(measured, indent=1, ensure_ascii=False))
    if disturbed := table.disturbed(measured["cases"]):
        print("bench/compare.py: other programs used the machine meanwhile, and these numbers say little: " + ", ".join(disturbed),
              file=sys.stderr)
    if given.write or not (given.quick or given.only):
        results.write(measured)
        page.render(results.read())  # with what ./dev bench --loss has put beside
        print(f"bench/compare.py: wrote {results.FILE.relative_to(results.ROOT)}, docs/performance.md and docs/plots/", file=sys.stderr)
    failed = [name for outcome in measured["cases"].values() for name, numbers in outcome.items() if "failed" in numbers]
    return 1 if failed else 0


if __name__ == "__main__":
    command.run("bench/compare.py", main)
