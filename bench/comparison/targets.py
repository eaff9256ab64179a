"""What holler is meant to reach, and whether it does."""

import dataclasses

from comparison import cases, systems, table


# What is said of holler where it is not as it comes.
WAYS = {"holler-sleeping": "asleep at once, ", "holler-loop": "own loop "}


@dataclasses.dataclass(frozen=True)
class Target:
    case: str
    wanted: float
    other: str = ""         # the system that it is measured against; empty: the rate itself is meant
    value: str = "rate"     # or the round trip, p50, of which less is better
    system: str = "holler"

    @property
    def less(self):
        return self.value != "rate"

    @property
    def text(self):
        where = cases.BY_NAME[self.case].title
        what = WAYS.get(self.system, "") + ("round trip " if self.less else "")
        if not self.other:
            return f"{where}: {what}≥ {table.rate(self.wanted)}/s"
        other = systems.BY_NAME[self.other].label
        sign = "<" if self.less and self.wanted == 1 else "≤" if self.less else "≥"
        how = f"that of {other}" if self.wanted == 1 else f"{self.wanted:g} × {other}"
        return f"{where}: {what}{sign} {how}"

    def measured(self, results):
        """The number to compare with `wanted`, or None; and why there is none."""
        outcome = results["cases"].get(self.case, {})
        mine, theirs = outcome.get(self.system, {}), outcome.get(self.other, {})
        for one in (mine, theirs) if self.other else (mine,):
            if "rate" not in one:
                return None, one.get("cannot") or one.get("failed") or "not measured"
        return (mine[self.value] / theirs[self.value] if self.other else mine["rate"]), ""

    def verdict(self, results):
        """(measured, met), as text."""
        value, why = self.measured(results)
        if value is None:
            return "–", why
        said = f"{value:.2f} ×" if self.other else f"{table.rate(value)}/s"
        if value < self.wanted if self.less and self.wanted == 1 else value <= self.wanted if self.less else value >= self.wanted:
            return said, "yes"
        short = value / self.wanted if self.less else self.wanted / value
        return said, f"no: {short:.2f} times too long" if self.less else f"no: short by a factor of {short:.2f}"


def _round_trips(case, others, system="holler"):
    yield Target(case, 1.1, "bare-one", "p50", system)
    for other in others:
        yield Target(case, 1, other, "p50", system)


RAW = ("asio", "libuv", "libevent")


def _one_peer(system):
    """For one client with many outstanding, which asks in a loop of its own, or by the client with its callbacks."""
    yield Target("w1024", 10e6, system=system)
    for wanted, other in ((0.5, "bare-joined"), (3, "zeromq"), (5, "enet"), *((30, raw) for raw in RAW), (50, "libcoap")):
        yield Target("w1024", wanted, other, system=system)
    yield Target("w1024-1200", 0.5, "bare-joined", system=system)


TARGETS = (
    *_one_peer("holler-loop"),
    *_one_peer("holler"),
    *(target for system in ("holler", "holler-sleeping")
      for target in _round_trips("one-blocking", ("asio", "enet", "zeromq", "nng", "libcoap"), system)),
    *_round_trips("one-spinning", ("enet",)),
    Target("clients1000", 0.9, "bare-one"),
    *(Target("clients1000", 1, other) for other in (*RAW, "enet", "zeromq", "nng", "libcoap")),
    Target("clients1000-4", 0.9, "bare-joined"),
    Target("plain-w1024", 5, "holler-unbundled", system="holler-loop"),
)
