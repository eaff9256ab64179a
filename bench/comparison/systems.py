"""What is compared: for each system the program that serves, the one that loads it, and what it is."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class System:
    name: str                    # in results.json and for --only
    label: str                   # in tables and plots
    program: str                 # peer_NAME that serves
    about: str
    serve_mode: str = ""
    loader: str = ""             # peer_NAME that loads; empty: the same
    load_mode: str = ""
    paths: tuple = ("loopback", "veth", "veth-plain")

    @property
    def load_program(self):
        return self.loader or self.program

    @property
    def bare(self):
        return self.program == "bare"


# What a raw UDP server is loaded with: pieces cross the stack together, so that nearly all of the load's processor is
# spared, and the server has its own processor to itself.
FAVOURABLE = {"loader": "bare", "load_mode": "joined"}

SYSTEMS = (
    System("bare-one", "bare, one a call", "bare", "recvfrom, sendto", serve_mode="one", load_mode="one"),
    System("bare-batch", "bare, 32 a call", "bare", "recvmmsg, sendmmsg", serve_mode="batch", load_mode="batch"),
    System("bare-joined", "bare, joined", "bare", "UDP_GRO, UDP_SEGMENT", serve_mode="joined", load_mode="joined"),
    System("holler", "holler", "holler", "IDs, source checks, at-most-once, repetition, congestion window"),
    System("holler-loop", "holler, own loop", "holler", "the same; a Requester in a loop of the program's own asks, without callbacks",
           load_mode="machines"),
    System("holler-sleeping", "holler, asleep at once", "holler", "the same; nobody looks for a moment before going to sleep",
           serve_mode="sleeping", load_mode="sleeping", paths=("loopback", "veth")),
    System("holler-unbundled", "holler, unbundled", "holler", "the same, by such a loop, one message in a datagram", load_mode="unbundled",
           paths=("veth-plain",)),
    System("asio", "Asio", "asio", "async_receive_from, async_send_to; nothing is checked or repeated", **FAVOURABLE),
    System("libuv", "libuv", "libuv", "uv_udp with recvmmsg; nothing is checked or repeated", **FAVOURABLE),
    System("libevent", "libevent", "libevent", "event and recvfrom; nothing is checked or repeated", **FAVOURABLE),
    System("enet", "ENet", "enet", "reliable packets over UDP, one channel"),
    System("zeromq", "ZeroMQ", "zeromq", "DEALER and ROUTER over TCP"),
    System("nng", "nng", "nng", "REQ and REP with contexts, over TCP"),
    System("libcoap", "libcoap", "libcoap", "confirmable messages over UDP, with retransmission"),
)
BY_NAME = {system.name: system for system in SYSTEMS}
