"""What holler is meant to reach, and whether it does."""

import dataclasses

from comparison import cases, systems, table


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
        if not self.other:
            return f"{where}: ≥ {table.rate(self.wanted)}/s"
        other = systems.BY_NAME[self.other].label
        what = {"holler-bundled": "bundled ", "holler-sleeping": "asleep at once, "}.get(self.system, "") + ("round trip " if self.less else "")
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
TARGETS = (
    Target("w1024", 10e6),
    Target("w1024", 0.5, "bare-joined"),
    Target("w1024", 3, "zeromq"),
    Target("w1024", 5, "enet"),
    *(Target("w1024", 30, other) for other in RAW),
    Target("w1024", 50, "libcoap"),
    Target("w1024-1200", 0.5, "bare-joined"),
    *_round_trips("one-blocking", ("asio", "enet", "zeromq", "nng", "libcoap")),
    *_round_trips("one-blocking", ("asio", "enet", "zeromq", "nng", "libcoap"), "holler-sleeping"),
    *_round_trips("one-spinning", ("enet",)),
    Target("clients1000", 0.9, "bare-one"),
    *(Target("clients1000", 1, other) for other in (*RAW, "enet", "zeromq", "nng", "libcoap")),
    Target("clients1000-4", 0.9, "bare-joined"),
    Target("plain-w1024", 5, "holler-unbundled", system="holler-bundled"),
)
