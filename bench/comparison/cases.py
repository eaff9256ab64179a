"""In which situations they are compared."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    outstanding: int = 1
    bytes: int = 32
    clients: int = 1
    spin: bool = False
    path: str = "loopback"
    quick: bool = False

    @property
    def bare(self):
        """The bare echo that does the same amount of work for each question: where nothing travels together, one a call."""
        return "bare-one" if self.outstanding == 1 else "bare-joined"

    @property
    def title(self):
        clients = f"{self.clients:,} clients × {self.outstanding}" if self.clients > 1 else f"{self.outstanding:,} outstanding"
        spinning = ", spinning" if self.spin else ", blocking" if self.outstanding == self.clients == 1 else ""
        where = {"loopback": "loopback", "veth": "veth pair", "veth-plain": "veth pair without segmentation offload"}
        return f"{clients}{spinning}, {self.bytes:,} B, {where[self.path]}"

    def has(self, system):
        """Whether this case says anything of that system."""
        if self.path not in system.paths:
            return False
        if self.path == "veth-plain":
            return system.bare or system.program == "holler"
        if system.name == "holler-loop":  # a thousand clients are always asked by one
            return self.outstanding > 1 and self.clients == 1
        if system.name == "holler-sleeping":
            return self.outstanding == self.clients == 1 and not self.spin
        # One question at a time cannot be joined with others.
        return self.outstanding > 1 or system.name not in ("bare-batch", "bare-joined")


CASES = (
    Case("one-blocking", quick=True),
    Case("one-spinning", spin=True),
    Case("w64", outstanding=64),
    Case("w256", outstanding=256),
    Case("w1024", outstanding=1024, quick=True),
    Case("w4096", outstanding=4096),
    Case("w1024-256", outstanding=1024, bytes=256),
    Case("w1024-1200", outstanding=1024, bytes=1200, quick=True),
    Case("w1024-16384", outstanding=1024, bytes=16384),
    Case("clients1000", clients=1000, quick=True),
    Case("clients1000-4", clients=1000, outstanding=4),
    Case("veth-one-blocking", path="veth"),
    Case("veth-w1024", outstanding=1024, path="veth"),
    Case("veth-w1024-1200", outstanding=1024, bytes=1200, path="veth"),
    Case("plain-w1024", outstanding=1024, path="veth-plain"),
)
BY_NAME = {case.name: case for case in CASES}
