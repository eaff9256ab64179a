"""What strangers send never reaches a terminal raw, and never hurts the server."""

import os
import random
import socket
import unittest

import holler_test
from holler_test import Server, run

HOSTILE = [
    b"\xff",
    b"\x1b]0;title\x07\x1b[2J",
    b"\x00\x01\x7f\r\n\t",
    "C1 \u009b31m, overrides \u202eabc\u202c, zero \u200b width".encode(),
    "quote \" and backslash \\".encode(),
    b"\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80",
    b"x" * 65507,
    b"\x1b" * 65507,
    b"",
]

# Begins like holler's own format: never taken for plain text, and without an answer where nothing follows that makes sense.
HOLLER_MAGIC = bytes.fromhex("f548")
# Of this seed's datagrams one begins with the magic by chance, as happens to one run in thirty.
SEED_WITH_MAGIC = 3291201871


class Escaping(unittest.TestCase):
    def send(self, server, payloads):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(holler_test.PATIENCE_SECONDS)
            for payload in payloads:
                sock.sendto(payload, ("127.0.0.1", int(server.port)))
                sock.recv(65536)

    def send_unanswered(self, server, payloads):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for payload in payloads:
                sock.sendto(payload, ("127.0.0.1", int(server.port)))

    def test_hostile_payloads_leave_the_server_alive_and_the_terminal_clean(self):
        with Server() as server:
            self.send(server, HOSTILE)
            self.assertEqual(run("ask", server.endpoint, "still there?").returncode, 0)
            self.assertEqual(server.end(), 0)
            for line in server.out.lines:
                self.assertTrue(line.isprintable(), repr(line))
                self.assertLess(len(line), 1000)
            requests = [line for line in server.out.lines if " request " in line]
            self.assertEqual(len(requests), len(HOSTILE) + 1)
            self.assertIn(r'"\xFF"', requests[0])
            self.assertIn(r'"\x1B]0;title\x07\x1B[2J"', requests[1])
            self.assertIn(r'"\x00\x01\x7F\r\n\t"', requests[2])
            self.assertIn(r'"C1 \u{9B}31m, overrides \u{202E}abc\u{202C}, zero \u{200B} width"', requests[3])
            self.assertIn(r'"quote \" and backslash \\"', requests[4])
            self.assertIn(r'"\xC0\xAF\xED\xA0\x80\xF5\x80\x80\x80"', requests[5])
            self.assertRegex(requests[6], r'"x{160}"… \(65347 bytes more\)')
            self.assertRegex(requests[8], r' 0  ""')

    def test_readable_text_stays_readable(self):
        with Server() as server:
            self.send(server, ["Grüße, 世界 🙂".encode()])
            server.out.wait_for('"Grüße, 世界 🙂"')

    def test_json_takes_every_byte(self):
        with Server("--json") as server:
            self.send(server, HOSTILE)
            server.end()
            events = [event for event in server.events() if event["event"] == "request"]
            self.assertEqual([event["bytes"] for event in events], [len(payload) for payload in HOSTILE])

    def test_random_datagrams_are_counted_every_one(self):
        for seed in (int.from_bytes(os.urandom(4)), SEED_WITH_MAGIC):
            noise = random.Random(seed)
            with self.subTest(seed=seed), Server("--quiet") as server:
                payloads = [noise.randbytes(noise.randrange(2000)) for _ in range(2000)]
                plain = [payload for payload in payloads if not payload.startswith(HOLLER_MAGIC)]
                taken_for_holler = [payload for payload in payloads if payload.startswith(HOLLER_MAGIC)]
                self.assertTrue(taken_for_holler or seed != SEED_WITH_MAGIC)
                self.send(server, plain)
                self.send_unanswered(server, taken_for_holler)
                self.send(server, [b"the last"])
                server.end()
                summary = server.out.lines[-1]
                self.assertIn("received 2001 datagrams", summary)
                self.assertIn(f"answered {len(plain) + 1} of {len(plain) + 1} requests", summary)
                self.assertIn(f"dropped {len(taken_for_holler)}", summary)


if __name__ == "__main__":
    holler_test.main()
