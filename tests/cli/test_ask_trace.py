"""`holler ask --trace`: every datagram, with its time and its reason; and the rhythm of the repeats."""

import re
import unittest

import holler_test
from holler_test import Server, free_port, run, silent_peer

LINE = re.compile(r"^ *(?P<ms>\d+\.\d{3})  (?P<event>\w+) +(?P<peer>\S+) +(?P<bytes>\d+)  (?P<detail>.*)$")
UNITS = {"ms": 1, "s": 1000}


def trace_of(result):
    return [match.groupdict() for match in map(LINE.match, result.stderr.splitlines()) if match]


def wait_ms(entry):
    number, unit = re.search(r"wait up to ([\d.]+) (ms|s)", entry["detail"]).groups()
    return float(number) * UNITS[unit]


class Trace(unittest.TestCase):
    def test_waits_double_within_jitter_and_are_kept(self):
        with silent_peer() as peer:
            result = run("ask", f"127.0.0.1:{peer.getsockname()[1]}", "hello", "--trace", "--first-wait", "100ms",
                         "--attempts", "5")
        self.assertEqual(result.returncode, 1)
        sent = [entry for entry in trace_of(result) if entry["event"] == "sent"]
        self.assertEqual(len(sent), 5)
        for i, entry in enumerate(sent):
            nominal = 100 * 2**i
            # A wait has up to a quarter more, and three digits of it are shown.
            self.assertGreaterEqual(wait_ms(entry), nominal * 0.99)
            self.assertLessEqual(wait_ms(entry), nominal * 1.25 * 1.01)
        gaps = [float(later["ms"]) - float(earlier["ms"]) for earlier, later in zip(sent, sent[1:])]
        for gap, entry in zip(gaps, sent):
            self.assertGreaterEqual(gap, wait_ms(entry) * 0.99, "nothing is repeated before its time")

    def test_waits_stop_growing_at_their_bound(self):
        with silent_peer() as peer:
            result = run("ask", f"127.0.0.1:{peer.getsockname()[1]}", "hello", "--trace", "--first-wait", "20ms",
                         "--max-wait", "50ms", "--attempts", "6")
        waits = [wait_ms(entry) for entry in trace_of(result) if entry["event"] == "sent"]
        self.assertEqual(len(waits), 6)
        self.assertLessEqual(max(waits), 50)

    def test_each_attempt_is_numbered_and_the_first_names_our_end(self):
        with Server("--drop", "50%", "--seed", "3") as server:
            result = run("ask", server.endpoint, "hello", "--trace", "--first-wait", "20ms", "--max-wait", "100ms")
        entries = trace_of(result)
        sent = [entry for entry in entries if entry["event"] == "sent"]
        self.assertRegex(sent[0]["detail"], r"^attempt 1 from 127\.0\.0\.1:\d+, wait up to ")
        for i, entry in enumerate(sent[1:], 2):
            self.assertRegex(entry["detail"], rf"^attempt {i}, wait up to ")
        self.assertGreater(len(sent), 1, "seed 3 drops the first request")
        self.assertEqual((entries[-1]["event"], entries[-1]["detail"]), ("received", "the reply"))
        self.assertTrue(all(entry["peer"] == server.endpoint for entry in entries))
        self.assertEqual(sorted(float(entry["ms"]) for entry in entries), [float(entry["ms"]) for entry in entries])

    def test_columns_are_aligned(self):
        with Server() as server:
            heading, first, *_ = run("ask", server.endpoint, "hello", "--trace").stderr.splitlines()
        self.assertEqual(heading.index("EVENT"), first.index("sent"))
        self.assertEqual(heading.index("PEER"), first.index(server.endpoint))
        self.assertEqual(heading.index("DETAIL"), first.index("attempt 1"))

    def test_a_slow_server_says_that_it_is_working(self):
        with Server("--delay", "300ms") as server:
            result = run("ask", server.endpoint, "hello", "--trace", "--first-wait", "100ms")
        self.assertEqual(result.returncode, 0)
        self.assertIn("it is working on it", [entry["detail"] for entry in trace_of(result)])

    def test_icmp_is_shown(self):
        result = run("ask", f"127.0.0.1:{free_port()}", "hello", "--trace")
        self.assertEqual([entry["event"] for entry in trace_of(result)], ["sent", "icmp"])
        self.assertEqual(trace_of(result)[-1]["detail"], "Connection refused")


if __name__ == "__main__":
    holler_test.main()
