"""`holler impair` beside a test, and a target that notes what reaches it."""

import json
import queue
import socket
import threading
import time

import holler_test

LOSSES = ("lost", "no_client", "no_room", "send_failed")


class Relay(holler_test.Process):
    """`holler impair --json` on a port of the kernel's choice; `address` is set once it listens."""

    def __init__(self, target, *arguments, listen="127.0.0.1:0", **options):
        super().__init__([holler_test.HOLLER, "impair", listen, target, "--json", "--interval", "5ms",
                          *map(str, arguments)], **options)
        try:
            self.listening = json.loads(self.out.wait_for("listening").string)
        except AssertionError as failure:
            self.process.kill()
            raise AssertionError(f"{failure}\nstandard error:\n" + "\n".join(self.err.rest())) from None
        self.port = self.listening["port"]
        self.address = ("127.0.0.1", self.port)
        self.endpoint = f"127.0.0.1:{self.port}"

    def wait_for(self, condition):
        """The first counters, from now on, that meet a condition."""
        end = time.monotonic() + holler_test.PATIENCE_SECONDS
        counters = None
        while time.monotonic() < end:
            counters = json.loads(self.out.next())
            if condition(counters):
                return counters
        raise AssertionError(f"waited in vain, and have {counters}")

    def wait_for_received(self, way, datagrams):
        return self.wait_for(lambda counters: counters[way]["received"] >= datagrams)

    def finish(self):
        """Ends it, and returns the summary, which must add up."""
        status = self.end()
        summary = json.loads(self.out.lines[-1])
        assert status == 0 and summary["event"] == "summary", (status, summary, self.err.lines)
        for way in ("up", "down"):
            counts = summary[way]
            came = counts["received"] + counts["duplicated"]
            went = counts["delivered"] + counts["pending"] + sum(counts[loss] for loss in LOSSES)
            assert came == went, (way, counts)
            assert counts["lost"] == sum(counts["lost_by"].values()), (way, counts)
        return summary


class Target:
    """Notes each datagram as (when, bytes, who); `answer(bytes)` says what to reply, or None."""

    def __init__(self, answer=lambda _: None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.heard = queue.Queue()
        self._answer = answer
        self._done = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while True:
            data, peer = self.socket.recvfrom(65535)
            if self._done:
                return
            self.heard.put((time.monotonic(), data, peer))
            reply = self._answer(data)
            if reply is not None:
                self.socket.sendto(reply, peer)

    def next(self):
        """The next datagram that arrived."""
        return self.heard.get(timeout=holler_test.PATIENCE_SECONDS)

    def take(self, count):
        """The next so many."""
        return [self.next() for _ in range(count)]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"", self.socket.getsockname())
        self._thread.join(holler_test.PATIENCE_SECONDS)
        self.socket.close()


def client():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(holler_test.PATIENCE_SECONDS)
    return sock
