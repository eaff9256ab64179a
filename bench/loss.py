#!/usr/bin/env python3
"""Compares what becomes of questions where datagrams are lost, and where a path becomes slow.

Each asker has a server and a `holler impair` of its own, with the same seeds; all begin at the same time. A full run puts
what it has measured into bench/results.json under "loss", and writes docs/performance.md and docs/plots/ anew.
exit codes: 0 done, 1 something failed, 2 usage, 130 interrupted
"""

import argparse
import asyncio
import datetime
import functools
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from comparison import command, lossy_cases, lossy_running, lossy_summary, lossy_table, page, results, running

FIRST_SEED = 1
# How often each asks over each path, how many questions, and for how many seconds it may ask; when the next begin at
# the latest while slow ones go on; for how long it is asked after the step.
FULL = {"rounds": 4, "questions": 5000, "seconds": 60, "spacing": 15, "after_step": 10}
QUICK = {"rounds": 1, "questions": 300, "seconds": 15, "spacing": 6, "after_step": 4}


def rounds(text):
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 to 100")
    return int(text)


def arguments():
    paths = ", ".join(path.name for path in (*lossy_cases.PATHS, lossy_cases.STEP))
    parser = argparse.ArgumentParser(prog="./dev bench --loss", description=__doc__.split("\n\n")[0], allow_abbrev=False,
                                     epilog=f"Names for --only: {paths}; " + ", ".join(lossy_cases.BY_NAME))
    parser.add_argument("--quick", action="store_true", help="one round of a few hundred questions, in some two minutes")
    parser.add_argument("--rounds", type=rounds, help=f"how often each asks over each path ({FULL['rounds']})")
    parser.add_argument("--only", type=command.expression, help="the paths and askers 'PATH/ASKER' in which this is found")
    parser.add_argument("--json", action="store_true", help="print the results as JSON in place of tables")
    return parser.parse_args()


def wanted(only):
    """{path: [asker]}."""
    chosen = {path: [asker for asker in lossy_cases.ASKERS if only is None or only.search(f"{path.name}/{asker.name}")]
              for path in (*lossy_cases.PATHS, lossy_cases.STEP)}
    return {path: askers for path, askers in chosen.items() if askers}


class Collected:
    """What the runs have said, until those over one path are complete."""

    def __init__(self, chosen, count, report):
        self._chosen, self._count, self._report = chosen, count, report
        self._runs = {(path, asker): [] for path, askers in chosen.items() for asker in askers}
        self._due = {path: len(askers) * count for path, askers in chosen.items()}
        self.measured = {}

    def take(self, key, outcome):
        path, asker, seed = key
        self._runs[path, asker].append(outcome)
        self._due[path] -= 1
        said = f"failed: {outcome}" if isinstance(outcome, Exception) else f"{len(outcome['took']):,} questions"
        print(f"{path.title}: {asker.label}, seed {seed}: {said}", file=sys.stderr, flush=True)
        if self._due[path] == 0:
            numbers = {one.name: self._summary(path, one) for one in self._chosen[path]}
            self.measured[path.name] = numbers
            self._report(path, numbers)

    def _summary(self, path, asker):
        runs = self._runs[path, asker]
        good = [one for one in runs if not isinstance(one, Exception)]
        wrong = {"cannot" if isinstance(one, running.Cannot) else "failed": str(one) or type(one).__name__
                 for one in runs if isinstance(one, Exception)}
        if not good:
            return wrong
        summary = lossy_summary.of_step if path.step_seconds else lambda _, *rest: lossy_summary.of_path(*rest)
        return {**summary(path, asker, good), **wrong}


def plan(chosen, much, count):
    together = []
    for path, askers in chosen.items():
        questions, seconds = much["questions"], much["seconds"]
        if path.step_seconds:
            questions, seconds = 1_000_000, path.step_seconds + much["after_step"]
        for seed in range(FIRST_SEED, FIRST_SEED + count):
            together.append([((path, asker, seed), functools.partial(lossy_running.run, asker, path, seed, questions, seconds))
                             for asker in askers])
    return together


def write(measured, much, count):
    """Beside what ./dev bench has put into the results; the page has both."""
    programs = sorted({program for asker in lossy_cases.ASKERS for program in (asker.program, asker.serve_program)})
    found = {
        "date": datetime.date.today().isoformat(), "machine": results.machine(),
        "versions": {program: running.version(program) for program in programs},
        "outstanding": lossy_cases.OUTSTANDING, "bytes": lossy_cases.BYTES,
        "seeds": list(range(FIRST_SEED, FIRST_SEED + count)), "questions_most": much["questions"],
        "seconds_most": much["seconds"], "paths": measured,
    }
    results.write({**results.read(), "loss": found})
    page.render(results.read())
    print("bench/loss.py: wrote bench/results.json, docs/performance.md and docs/plots/", file=sys.stderr)


def main():
    given = arguments()
    chosen = wanted(given.only)
    if not chosen:
        print("bench/loss.py: --only leaves nothing to measure", file=sys.stderr)
        return 2
    much = QUICK if given.quick else FULL
    count = given.rounds or much["rounds"]

    def report(path, numbers):
        if not given.json:
            print((lossy_table.of_step if path.step_seconds else lossy_table.of_path)(path, numbers), flush=True)

    collected = Collected(chosen, count, report)
    asyncio.run(lossy_running.run_all(plan(chosen, much, count), much["spacing"], collected.take))
    measured = {path.name: collected.measured[path.name] for path in chosen}
    if given.json:
        print(json.dumps(measured, indent=1, ensure_ascii=False))
    else:
        print(lossy_table.of_targets(lossy_summary.targets(measured)))
    failed = any("failed" in numbers for outcome in measured.values() for numbers in outcome.values())
    if not (given.quick or given.only or given.rounds or failed):
        write(measured, much, count)
    return 1 if failed else 0


if __name__ == "__main__":
    command.run("bench/loss.py", main)
