"""udp_remote, line by line (rows 38 to 49, 64 to 71 of docs/chapter.md), against itself and against Python."""
import re
import signal
import socket
import time
import unittest

import chapter
from udp_peer import UdpPeer

WAITS = ["0.1", "0.2", "0.4", "0.8", "1.6"]
WAITING = [f"Waiting up to {wait} seconds for a reply" for wait in WAITS]
SAYS = "The server says 'Your data was 23 bytes long'"
REQUEST = "This is another message"


def start_server(host, port, *options, namespace=None):
    server = chapter.program("udp_remote", "server", *options, host, "-p", port, namespace=namespace)
    server.match(rf"Listening at \('{re.escape(host or '0.0.0.0')}', {port}\)")
    return server


class SometimesSilent(UdpPeer):
    """A server that answers only the n-th copy of what it hears."""

    def __init__(self, answered):
        super().__init__()
        self.answered = answered
        self.times = []
        self.heard = []

    def hear(self, data, source):
        self.times.append(time.monotonic())
        self.heard.append(data)
        if len(self.heard) == self.answered:
            self.socket.sendto(b"Your data was %d bytes long" % len(data), source)


class Retries(unittest.TestCase):
    def test_each_wait_is_announced_and_the_answer_ends_them(self):
        for answered in (1, 3):
            with SometimesSilent(answered) as server:
                code, lines, errors = chapter.run("udp_remote", "client", "127.0.0.1", "-p", server.port)
            self.assertEqual((code, errors), (0, ""))
            self.assertRegex(lines[0], r"^Client socket name is \('127\.0\.0\.1', \d+\)$")
            self.assertEqual(lines[1:], WAITING[:answered] + [SAYS])
            self.assertEqual(server.heard, [REQUEST.encode()] * answered)

    def test_a_silent_server_gets_five_copies_and_the_client_gives_up(self):
        with SometimesSilent(0) as server:
            begin = time.monotonic()
            code, lines, errors = chapter.run("udp_remote", "client", "127.0.0.1", "-p", server.port)
            elapsed = time.monotonic() - begin
        self.assertEqual(code, 1)
        self.assertEqual(lines[1:], WAITING)
        self.assertEqual(errors, "RuntimeError: I think the server is down\n")
        self.assertEqual(len(server.heard), 5)
        self.assertGreaterEqual(elapsed, 3.1)

    def test_the_gaps_double(self):
        with SometimesSilent(0) as server:
            chapter.run("udp_remote", "client", "127.0.0.1", "-p", server.port)
        gaps = [late - early for early, late in zip(server.times, server.times[1:])]
        self.assertEqual(len(gaps), 4)
        # The server looks at its clock when it wakes up, some time after the datagram left, which can make a
        # gap look shorter: half of the wait still tells 0.1 from 0.2 from 0.4.
        for gap, wait in zip(gaps, WAITS):
            self.assertGreater(gap, float(wait) / 2)

    def test_nobody_there_is_refused_at_once_and_not_called_down(self):
        code, lines, errors = chapter.run("udp_remote", "client", "127.0.0.1", "-p", chapter.free_port())
        self.assertEqual(code, 3)
        self.assertEqual(lines[1:], WAITING[:1])
        self.assertTrue(errors.startswith("ConnectionRefusedError: [Errno 111] Connection refused\n"), errors)
        self.assertNotIn("down", errors)

    def test_a_stranger_is_not_believed(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            server.bind(("127.0.0.1", 0))
            with chapter.program("udp_remote", "client", "127.0.0.1", "-p", server.getsockname()[1]) as client:
                _, address = server.recvfrom(65535)
                stranger.sendto(b"FAKE", address)
                server.sendto(b"REAL", address)
                code, lines, _ = client.result()
        self.assertEqual((code, lines[-1]), (0, "The server says 'REAL'"))


class Server(unittest.TestCase):
    def test_it_answers_about_half_and_says_what_it_drops(self):
        port = chapter.free_port()
        with start_server("127.0.0.1", port) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            mine = sock.getsockname()[1]
            dropped = 0
            for number in range(400):
                sock.sendto(b"%d" % number, ("127.0.0.1", port))
                line = server.line()
                if line == f"Pretending to drop packet from ('127.0.0.1', {mine})":
                    dropped += 1
                else:
                    self.assertEqual(line, f"The client at ('127.0.0.1', {mine}) says '{number}'")
        # Of 400 fair coins, fewer than 120 or more than 280 heads come up once in 10^15 runs.
        self.assertTrue(120 <= dropped <= 280, f"{dropped} of 400 dropped")

    def test_a_seed_repeats_the_losses(self):
        fates = []
        for _ in range(2):
            port = chapter.free_port()
            with start_server("127.0.0.1", port, "--seed", "7") as server, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                fate = ""
                for _ in range(40):
                    sock.sendto(b"?", ("127.0.0.1", port))
                    fate += server.line()[0]
                fates.append(fate)
        self.assertEqual(fates[0], fates[1])
        self.assertEqual(set(fates[0]), {"P", "T"})

    def test_both_logs_tell_the_same_story(self):
        port = chapter.free_port()
        with start_server("127.0.0.1", port, "--seed", "3") as server:
            answered = 0
            for _ in range(12):
                code, lines, _ = chapter.run("udp_remote", "client", "127.0.0.1", "-p", port)
                mine = re.fullmatch(r"Client socket name is \('127\.0\.0\.1', (\d+)\)", lines[0])[1]
                waits = sum(line.startswith("Waiting") for line in lines)
                at_server = [server.line() for _ in range(waits)]
                drop = f"Pretending to drop packet from ('127.0.0.1', {mine})"
                says = f"The client at ('127.0.0.1', {mine}) says '{REQUEST}'"
                self.assertEqual(at_server, [drop] * (waits - 1) + [says if code == 0 else drop])
                answered += code == 0
        self.assertGreaterEqual(answered, 6)

    def test_python_asks_it_until_it_answers(self):
        port = chapter.free_port()
        with start_server("127.0.0.1", port), chapter.peer("ask", "127.0.0.1", port, REQUEST, 60) as client:
            self.assertEqual(client.event()["text"], "Your data was 23 bytes long")

    def test_no_byte_kills_it(self):
        port = chapter.free_port()
        with start_server("127.0.0.1", port, "--seed", "1") as server, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            says = []
            for _ in range(20):
                sock.sendto(b"\xff\x1b", ("127.0.0.1", port))
                says.append(server.line())
            self.assertTrue(any(line.endswith(r"says '\xff\x1b'") for line in says), says)
            self.assertEqual(server.stop(signal.SIGINT)[0], 0)

    def test_a_bad_seed_is_a_usage_error(self):
        for seed in ("x", "", "1x", "-1"):
            self.assertEqual(chapter.run("udp_remote", "server", "127.0.0.1", "--seed", seed)[0], 2)


class Binding(unittest.TestCase):
    """One machine with an address of its own, 10.53.0.1, and another, 10.53.0.2."""

    def setUp(self):
        super().setUp()
        self.here, self.there = self.enterContext(chapter.lan(2))

    def ask(self, host, namespace):
        """Asks until the coin falls well; None where the client was refused."""
        for _ in range(5):
            code, lines, errors = chapter.run("udp_remote", "client", host, namespace=namespace)
            if code != 1:
                break
        self.assertIn(code, (0, 3), errors)
        return re.search(r"'(.*)'", lines[0])[1] if code == 0 else None

    def test_the_empty_host_is_every_address(self):
        with chapter.program("udp_remote", "server", "", namespace=self.here) as server:
            server.match(r"Listening at \('0\.0\.0\.0', 1060\)")
            self.assertEqual(self.ask("127.0.0.1", self.here), "127.0.0.1")
            self.assertEqual(self.ask("10.53.0.1", self.there), "10.53.0.2")

    def test_an_outside_address_answers_outside_and_is_refused_through_loopback(self):
        with start_server("10.53.0.1", 1060, namespace=self.here):
            self.assertEqual(self.ask("10.53.0.1", self.there), "10.53.0.2")
            self.assertIsNone(self.ask("127.0.0.1", self.here))
            self.assertEqual(self.ask("10.53.0.1", self.here), "10.53.0.1")

    def test_a_dead_port_on_another_machine_refuses_too(self):
        code, _, errors = chapter.run("udp_remote", "client", "10.53.0.1", namespace=self.there)
        self.assertEqual(code, 3, errors)

    def test_a_wildcard_conflicts_with_loopback_and_an_outside_address_does_not(self):
        with start_server("127.0.0.1", 1060, namespace=self.here) as inside:
            code, lines, errors = chapter.run("udp_remote", "server", "", namespace=self.here)
            self.assertEqual((code, lines), (4, []))
            self.assertTrue(errors.startswith("OSError: [Errno 98] Address already in use\n"), errors)
            with start_server("10.53.0.1", 1060, namespace=self.here) as outside:
                self.assertIsNotNone(self.ask("10.53.0.1", self.there))
                outside.line()
                outside.stop()
                self.assertEqual(inside.stop()[1], ["Listening at ('127.0.0.1', 1060)"])


if __name__ == "__main__":
    chapter.main()
