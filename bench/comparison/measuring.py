"""All rounds of all cases. In each round all systems take turns, so that what disturbs the machine disturbs all."""

import statistics
import sys

from comparison import paths, running

PERCENTILES = ("p50", "p90", "p99", "p999")


def summary(rounds):
    """Medians over the rounds, with the spread of the rate."""
    rates = [one["rate"] for one in rounds]
    middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0] if key != "note"}
    return {
        "rate": round(middle["rate"]), "least": round(min(rates)), "most": round(max(rates)),
        "server_ns": round(middle["server_ns"], 1),
        "server_busy": round(middle["server_busy"], 3), "load_busy": round(middle["load_busy"], 3),
        "others_busy": round(middle["others_busy"], 3),
        "lost": sum(one["lost"] for one in rounds), "retransmitted": sum(one["retransmitted"] for one in rounds),
        **{percentile: round(middle[percentile]) for percentile in PERCENTILES},
        **({"note": rounds[0]["note"]} if rounds[0]["note"] else {}),
    }


class Progress:
    """One line on standard error that is written over, or a line for each round where that is no terminal."""

    def __init__(self, due):
        self._due = due
        self._done = 0
        self._end = "\r" if sys.stderr.isatty() else "\n"

    def step(self, text):
        self._done += 1
        print(f"[{self._done}/{self._due}] {text}"[:110].ljust(110), end=self._end, file=sys.stderr, flush=True)

    def finish(self):
        if self._end == "\r":
            print(" " * 110, end="\r", file=sys.stderr, flush=True)


def measure_case(path, case, systems, rounds, seconds, warmup, progress):
    """{system: summary, or {"cannot": why}, or {"failed": why}}."""
    measured = {system.name: [] for system in systems}
    without = {}
    for number in range(rounds):
        for system in systems:
            progress.step(f"{case.title}: {system.label}, round {number + 1}")
            if system.name in without:
                continue
            try:
                measured[system.name].append(running.measure(path, system, case, seconds, warmup))
            except running.Cannot as reason:
                without[system.name] = {"cannot": str(reason)}
            except running.Failed as reason:
                without[system.name] = {"failed": str(reason)}
    return {system.name: without.get(system.name) or summary(measured[system.name]) for system in systems}


def measure_all(plan, rounds, seconds, warmup, report):
    """Calls report(case, outcome) after each case of `plan`, which is [(case, systems)]."""
    progress = Progress(rounds * sum(len(systems) for _, systems in plan))
    try:
        for case, systems in plan:
            try:
                with paths.of(case.path) as path:
                    outcome = measure_case(path, case, systems, rounds, seconds, warmup, progress)
            except paths.Unavailable as reason:
                outcome = {system.name: {"cannot": str(reason)} for system in systems}
            progress.finish()
            report(case, outcome)
    finally:
        progress.finish()
