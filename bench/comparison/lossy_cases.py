"""Over which bad paths they are compared, and who."""

import dataclasses

OUTSTANDING = 16
BYTES = 32


@dataclasses.dataclass(frozen=True)
class Asker:
    name: str              # in results.json and for --only
    label: str             # in tables and plots
    program: str           # peer_NAME that asks
    about: str
    server: str = ""       # peer_NAME that serves; empty: the same
    serve_mode: str = ""
    ask_mode: str = ""
    shares: bool = False   # several requests may leave in one datagram, or acknowledgements beside them

    @property
    def serve_program(self):
        return self.server or self.program


ASKERS = (
    Asker("holler", "holler", "holler", "all as it is by default", shares=True),
    Asker("holler-uncontrolled", "holler, no window", "holler", "without its congestion window", ask_mode="uncontrolled", shares=True),
    Asker("libcoap", "libcoap", "libcoap", "confirmable messages; NSTART raised to what is outstanding"),
    Asker("libcoap-near", "libcoap, 1 s", "libcoap", "the same, with the least ACK_TIMEOUT that it takes, in place of 2 s", ask_mode="near"),
    Asker("enet", "ENet", "enet", "reliable packets, each place in a channel of its own", shares=True),
    Asker("plain", "plain schedule", "plain_schedule", "0.1 s, doubling, given up where the wait would pass 2 s",
          server="bare", serve_mode="one"),
)
BY_NAME = {asker.name: asker for asker in ASKERS}


@dataclasses.dataclass(frozen=True)
class Path:
    """Each direction loses `loss` % of its datagrams; a round trip takes `round_trip_ms`, and from `step_seconds` on
    `later_round_trip_ms`."""
    loss: int
    round_trip_ms: int
    step_seconds: float = 0
    later_round_trip_ms: int = 0

    @property
    def name(self):
        return "step" if self.step_seconds else f"loss{self.loss}-rtt{self.round_trip_ms}"

    @property
    def title(self):
        if self.step_seconds:
            return f"round trip of {self.round_trip_ms} ms, then {self.later_round_trip_ms} ms, no loss"
        return f"{self.loss} % lost each way, round trip of {self.round_trip_ms} ms"

    @property
    def requests_needed(self):
        """For each answer, of who repeats only what was lost: both ways must have luck."""
        return 1 / (1 - self.loss / 100) ** 2

    def options(self):
        """Those of `holler impair`."""
        step = [f"--delay-step={self.later_round_trip_ms / 2:g}ms@{self.step_seconds:g}s"] if self.step_seconds else []
        return [f"--loss={self.loss}%", f"--delay={self.round_trip_ms / 2:g}ms", *step]


PATHS = tuple(Path(loss, round_trip) for round_trip in (10, 100) for loss in (1, 5, 20))
STEP = Path(0, 100, step_seconds=3, later_round_trip_ms=400)
