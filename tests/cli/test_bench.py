"""`holler bench`: what it counts, what it prints, and how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

import holler_test
import impair
from holler_test import HOLLER, Process, Server, run

ANSWERED, NO_ANSWER, USAGE, REFUSED, LOCAL, TOO_LARGE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
# Each way to ask: in the caller's thread, with several outstanding, at a rate.
LOOPS = ((), ("--outstanding", 8), ("--rate", 200))


class Bench(unittest.TestCase):
    def bench(self, endpoint, *arguments, code=ANSWERED):
        """The object that --json prints, whose numbers must add up."""
        result = run("bench", endpoint, *arguments, "--json")
        self.assertEqual(result.returncode, code, result.stderr)
        return self.checked(result.stdout)

    def checked(self, text):
        self.assertEqual(text.count("\n"), 1)
        report = json.loads(text)
        ended = report["answered"] + report["lost"] + sum(report["failed"].values()) + report["unfinished"]
        self.assertEqual(report["asked"], ended, report)
        self.assertEqual(sum(entry["count"] for entry in report["histogram"]), report["answered"])
        for before, entry in zip(report["histogram"], report["histogram"][1:]):
            self.assertEqual(before["up_to_ms"], entry["above_ms"])
        latency = list(report["latency_ms"].values())
        if report["answered"]:
            self.assertEqual(latency, sorted(latency))
            self.assertGreater(latency[0], 0)
            self.assertGreater(report["answered_per_second"], 0)
            self.assertGreater(report["histogram"][0]["count"], 0)
            self.assertGreater(report["histogram"][-1]["count"], 0)
            self.assertLessEqual(latency[-1], report["histogram"][-1]["up_to_ms"])
        else:
            self.assertEqual((set(latency), report["histogram"]), ({None}, []))
        return report


class Counting(Bench):
    def test_it_asks_as_many_questions_as_it_is_told(self):
        for loop in LOOPS:
            with self.subTest(loop), Server("--json") as server:
                report = self.bench(server.endpoint, *loop, "--count", 30, "--warmup", 0, "--duration", "1m")
                self.assertEqual((report["asked"], report["answered"], report["error"]), (30, 30, None))
                server.end()
                requests = [event for event in server.events() if event["event"] == "request"]
                self.assertEqual(len(requests), 31, "one to find out where to ask")

    def test_questions_of_the_warm_up_are_not_counted(self):
        for loop in LOOPS:
            with self.subTest(loop), Server("--json") as server:
                report = self.bench(server.endpoint, *loop, "--warmup", "100ms", "--count", 5, "--duration", "1m")
                self.assertEqual(report["asked"], 5)
                server.end()
                requests = [event for event in server.events() if event["event"] == "request"]
                self.assertGreater(len(requests), 6)

    def test_a_rate_says_how_many_questions_are_due(self):
        with Server("-q") as server:
            report = self.bench(server.endpoint, "--rate", 70, "--duration", "500ms", "--warmup", "100ms")
        self.assertEqual(report["asked"] + report["not_begun"], 35)
        self.assertEqual((report["loop"], report["wanted_per_second"], report["outstanding"]), ("open", 70, None))
        self.assertIsNotNone(report["begun_late_ms"]["p99"])

    def test_a_rate_beyond_what_can_be_done_is_told_apart(self):
        with Server("-q", "--echo") as server:
            report = self.bench(server.endpoint, "--rate", 4000000000, "--duration", "50ms", "--warmup", 0)
        self.assertGreater(report["not_begun"], 0)
        self.assertEqual(report["asked"] + report["not_begun"], 200_000_000)

    def test_loss_is_made_good_and_told(self):
        for loop in LOOPS:
            with self.subTest(loop), Server("-q") as server, \
                    impair.Relay(server.endpoint, "--loss", "20%", "--seed", 7) as relay:
                report = self.bench(relay.endpoint, *loop, "--count", 100, "--duration", "1m", "--warmup", 0,
                                    "--first-wait", "20ms", "--deadline", "50s")
                self.assertEqual((report["answered"], report["lost"]), (100, 0))
                self.assertGreater(report["retransmissions"], 5)

    def test_what_is_lost_for_good_is_no_latency(self):
        for loop in LOOPS:
            with self.subTest(loop), Server("-q", "--drop", "50%", "--seed", 7) as server:
                report = self.bench(server.endpoint, *loop, "--count", 40, "--duration", "1m", "--warmup", 0,
                                    "--attempts", 1, "--first-wait", "10ms", "--deadline", "50s")
                self.assertGreater(report["lost"], 0)
                self.assertGreater(report["answered"], 0)

    def test_doubled_replies_are_counted(self):
        with Server("-q") as server, impair.Relay(server.endpoint, "--down-duplicate", "100%") as relay:
            report = self.bench(relay.endpoint, "--count", 50, "--duration", "1m", "--warmup", 0)
            self.assertGreater(report["late_or_doubled"], 0)
            self.assertEqual(report["dropped"]["late"], report["late_or_doubled"])

    def test_the_message_is_the_one_that_was_given(self):
        for arguments, payload in ((("a question",), "a question"), (("--bytes", 5), "....."), (("--bytes", 0), ""),
                                   ((), "." * 32)):
            with self.subTest(arguments), Server("--json") as server:
                report = self.bench(server.endpoint, *arguments, "--count", 3, "--warmup", 0)
                self.assertEqual(report["bytes"], len(payload))
                server.end()
                payloads = {event["payload"] for event in server.events() if event["event"] == "request"}
                self.assertEqual(payloads, {payload})

    def test_an_answer_takes_no_less_than_the_server_does(self):
        for loop in LOOPS:
            with self.subTest(loop), Server("-q", "--delay", "30ms") as server:
                report = self.bench(server.endpoint, *loop, "--count", 5, "--warmup", 0)
                self.assertGreaterEqual(report["latency_ms"]["min"], 30)


class Stall(Bench):
    def stalled(self, *loop):
        """What is measured at a server that stops for a while; and for how long, in milliseconds."""
        with Server() as server, Process([HOLLER, "bench", server.endpoint, "--json", "--warmup", "0",
                                          "--duration", "3s", "--deadline", "50s", *loop]) as bench:
            for _ in range(10):
                server.out.wait_for("request")
            server.pause()
            begin = time.monotonic()
            time.sleep(1)  # the stall itself
            stall = time.monotonic() - begin
            server.resume()
            self.assertEqual(bench.wait(), 0)
            return self.checked("\n".join(bench.out.rest()) + "\n"), 1000 * stall

    def test_an_open_loop_shows_what_a_closed_one_hides(self):
        closed, stall = self.stalled()
        self.assertGreater(closed["answered"], 200)
        self.assertGreater(closed["latency_ms"]["max"], stall / 2)
        self.assertLess(closed["latency_ms"]["p99"], stall / 2)
        opened, stall = self.stalled("--rate", "100")
        # A third of all questions was due while nobody answered.
        self.assertGreater(opened["latency_ms"]["p90"], stall / 4)
        self.assertGreater(opened["latency_ms"]["p99"], stall / 2)
        self.assertEqual(opened["asked"] + opened["not_begun"], 300)


class Ending(Bench):
    def test_nobody_there_is_told_at_once(self):
        for loop in LOOPS:
            with self.subTest(loop):
                peer = f"127.0.0.1:{holler_test.free_port()}"
                result = run("bench", peer, *loop, "--duration", "1h", "--json")
                self.assertEqual(result.returncode, REFUSED)
                report = self.checked(result.stdout)
                self.assertEqual((report["asked"], report["peer"]), (0, None))
                self.assertIn(f"refused: nobody listens on {peer}", result.stderr)
                self.assertIn(report["error"], result.stderr)

    def test_silence_is_no_answer(self):
        with holler_test.silent_peer() as peer:
            endpoint = f"127.0.0.1:{peer.getsockname()[1]}"
            for loop in LOOPS:
                with self.subTest(loop):
                    report = self.bench(endpoint, *loop, "--count", 3, "--warmup", 0, "--deadline", "50ms",
                                        code=NO_ANSWER)
                    self.assertEqual((report["asked"], report["lost"]), (3, 3))
                    self.assertIn("no answer", report["error"])

    def test_a_server_that_goes_away_is_told_by_its_cause(self):
        for loop in LOOPS:
            with self.subTest(loop), Server() as server:
                with Process([HOLLER, "bench", server.endpoint, "--json", "--warmup", "0", "--duration", "3s",
                              *map(str, loop)]) as bench:
                    for _ in range(10):
                        server.out.wait_for("request")
                    server.end()
                    self.assertEqual(bench.wait(), 0)
                    report = self.checked("\n".join(bench.out.rest()) + "\n")
                    self.assertGreater(report["answered"], 0)
                    self.assertEqual(set(report["failed"]), {"refused"}, report)

    def test_ctrl_c_ends_it_at_once_with_what_was_measured(self):
        for loop in LOOPS:
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(loop=loop, number=number), Server() as server, \
                        Process([HOLLER, "bench", server.endpoint, "--json", "--warmup", "0", "--duration", "1h",
                                 *map(str, loop)]) as bench:
                    for _ in range(20):
                        server.out.wait_for("request")
                    self.assertEqual(bench.end(number), INTERRUPTED)
                    report = self.checked(bench.out.lines[0] + "\n")
                    self.assertTrue(report["interrupted"])
                    self.assertGreater(report["answered"], 0)
                    self.assertEqual(bench.err.lines, [])

    def test_ctrl_c_does_not_wait_for_answers(self):
        for loop in LOOPS:
            with self.subTest(loop), holler_test.silent_peer() as peer:
                endpoint = f"127.0.0.1:{peer.getsockname()[1]}"
                with Process([HOLLER, "bench", endpoint, "--json", "--warmup", "0", "--duration", "1h", "--deadline",
                              "1h", "--first-wait", "1h", *map(str, loop)]) as bench:
                    peer.recv(100)  # the question that finds out where to ask
                    peer.recv(100)
                    self.assertEqual(bench.end(), INTERRUPTED)
                    report = self.checked(bench.out.lines[0] + "\n")
                    self.assertGreater(report["unfinished"], 0)
                    self.assertEqual(report["unfinished"], report["asked"])

    def test_ctrl_c_in_the_warm_up_is_no_measurement(self):
        with Server() as server, Process([HOLLER, "bench", server.endpoint, "--json", "--warmup", "1h"]) as bench:
            server.out.wait_for("request")
            server.out.wait_for("request")
            self.assertEqual(bench.end(), INTERRUPTED)
            report = self.checked(bench.out.lines[0] + "\n")
            self.assertEqual((report["asked"], report["answered_per_second"]), (0, 0))

    def test_what_no_datagram_takes_has_its_own_code(self):
        with Server("-q") as server:
            for size in (65508, 2000000, 4294967295):
                result = run("bench", server.endpoint, "--bytes", size)
                self.assertEqual(result.returncode, TOO_LARGE)
                self.assertRegex(result.stderr, r"takes \d+ at most")
            limit = re.search(r"takes (\d+) at most", result.stderr).group(1)
            self.assertEqual(run("bench", server.endpoint, "--bytes", limit, "--count", 2, "--warmup", 0).returncode,
                             ANSWERED)


class Output(Bench):
    def test_people_get_a_short_report(self):
        with Server("-q") as server:
            result = run("bench", server.endpoint, "--count", 1000, "--warmup", 0, "--duration", "1m")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertRegex(lines[0], rf"^{server.endpoint}, 1 outstanding, 32 bytes; [\d.]+ m?s after a warm-up of 0 ms$")
        self.assertRegex(lines[1], r"^  asked +1,000$")
        self.assertRegex(lines[2], r"^  answered +1,000  [\d,.]+ a second$")
        self.assertRegex(result.stdout, r"(?m)^  no answer +0$")
        self.assertRegex(result.stdout, r"(?m)^ +min +p50 +p90 +p99 +p99\.9 +max$")
        self.assertRegex(result.stdout, r"(?m)^  up to [\d.]+ [um]?s +#+ +\d+\.\d\d %  +[\d,]+$")
        self.assertLessEqual(max(map(len, lines)), 100)
        self.assertTrue(result.stdout.isascii())

    def test_an_open_loop_says_what_was_wanted(self):
        with Server("-q") as server:
            text = run("bench", server.endpoint, "--rate", 50, "--count", 5, "--warmup", 0).stdout
        self.assertRegex(text, r"(?m)^  asked +5  [\d.]+ a second; wanted 50$")
        self.assertIn("from when each question was due", text)
        self.assertIn("of which this machine was late", text)

    def test_the_object_has_everything_by_name(self):
        with Server("-q") as server:
            report = self.bench(server.endpoint, "--count", 10, "--warmup", 0, "--outstanding", 2)
        self.assertEqual(list(report), [
            "peer", "loop", "outstanding", "wanted_per_second", "bytes", "deadline_ms", "warmup_ms", "asking_ms",
            "elapsed_ms", "interrupted", "asked", "asked_per_second", "not_begun", "answered", "answered_per_second",
            "lost", "failed", "unfinished", "retransmissions", "late_or_doubled", "kernel_drops", "dropped",
            "latency_ms", "begun_late_ms", "histogram", "error"])
        self.assertEqual(list(report["latency_ms"]), ["min", "p50", "p90", "p99", "p99.9", "max"])
        self.assertEqual(list(report["histogram"][0]), ["above_ms", "up_to_ms", "count"])
        self.assertEqual((report["peer"], report["loop"], report["outstanding"]), (server.endpoint, "closed", 2))

    def test_a_picture_is_well_formed(self):
        with tempfile.TemporaryDirectory() as folder, Server("-q") as server, holler_test.silent_peer() as peer:
            silent = f"127.0.0.1:{peer.getsockname()[1]}"
            for count, endpoint, code in ((1, server.endpoint, 0), (500, server.endpoint, 0), (1, silent, NO_ANSWER)):
                with self.subTest(count=count, endpoint=endpoint):
                    path = os.path.join(folder, "latency.svg")
                    result = run("bench", endpoint, "--count", count, "--warmup", 0, "--deadline", "50ms", "--svg",
                                 path)
                    self.assertEqual(result.returncode, code, result.stderr)
                    picture = xml.etree.ElementTree.parse(path).getroot()
                    self.assertEqual(picture.tag, "{http://www.w3.org/2000/svg}svg")
                    curves = picture.findall("{http://www.w3.org/2000/svg}polyline")
                    self.assertEqual(len(curves), 0 if code else 1)
                    self.assertNotIn("nan", xml.etree.ElementTree.tostring(picture, "unicode"))

    def test_a_picture_that_cannot_be_written_is_told_before_anything_is_asked(self):
        with holler_test.silent_peer() as peer:
            result = run("bench", f"127.0.0.1:{peer.getsockname()[1]}", "--svg", "/nowhere/latency.svg")
            self.assertEqual(result.returncode, LOCAL)
            self.assertIn("cannot write '/nowhere/latency.svg': No such file", result.stderr)
            peer.setblocking(False)
            self.assertRaises(BlockingIOError, peer.recv, 100)

    def terminal_text(self, *arguments, until):
        """What a terminal on standard error gets, up to some text, and what stands on standard output."""
        leader, follower = pty.openpty()
        with Server("-q") as server, \
                subprocess.Popen([HOLLER, "bench", server.endpoint, "--duration", "1h", *arguments], stderr=follower,
                                 stdout=subprocess.PIPE, text=True) as bench:
            os.close(follower)
            text = b""
            while until not in text:
                text += os.read(leader, 1000)
            bench.send_signal(signal.SIGINT)
            out, _ = bench.communicate(timeout=holler_test.PATIENCE_SECONDS)
            self.assertEqual(bench.returncode, INTERRUPTED)
            os.close(leader)
        return text, out

    def test_a_terminal_gets_a_live_line(self):
        for loop in LOOPS:
            with self.subTest(loop):
                text, out = self.terminal_text("--warmup", "10ms", *map(str, loop), until=b"p99")
                self.assertRegex(text, rb"\r\d+ s  [\d,.]+ a second \| answered [\d,]+ \| lost 0 \| p50 ")
                self.assertNotIn(b"\x1b", text)
                self.assertNotIn(b"\n", text)
                self.assertIn("interrupted\n", out)
        text, _ = self.terminal_text("--warmup", "1h", until=b"warming up")
        self.assertNotIn(b"answered", text)

    def test_a_full_disk_is_noticed(self):
        with Server("-q") as server, open("/dev/full", "w") as full:
            result = run("bench", server.endpoint, "--count", 1, "--warmup", 0, stdout=full)
        self.assertEqual(result.returncode, LOCAL)


class Usage(unittest.TestCase):
    def refuses(self, reason, *arguments):
        result = run("bench", *arguments)
        self.assertEqual(result.returncode, USAGE, result.stderr)
        self.assertIn(reason, result.stderr)
        self.assertIn("see 'holler bench --help'", result.stderr)
        self.assertEqual((result.stdout, result.stderr.count("\n")), ("", 1))

    def test_what_makes_no_sense_says_why(self):
        for reason, *arguments in (
                ("HOST is required",), ("HOST is empty", ""), ("port 0 cannot be asked", "localhost:0"),
                ("twice", "localhost:7", "-p", "7"), ("excludes", "localhost", "--rate", "5", "--outstanding", "5"),
                ("excludes", "localhost", "hello", "--bytes", "5"), ("--rate", "localhost", "--rate", "0"),
                ("--rate", "localhost", "--rate", "fast"), ("--outstanding", "localhost", "--outstanding", "0"),
                ("1048576 is the most", "localhost", "--outstanding", "1048577"),
                ("8192 is the most", "localhost", "--outstanding", "9000", "--bytes", "32768"),
                ("--duration", "localhost", "--duration", "0"), ("needs a unit", "localhost", "--duration", "10"),
                ("give it 100 ms", "localhost", "--duration", "50ms", "--rate", "10"),
                ("--count", "localhost", "--count", "0"), ("--bytes", "localhost", "--bytes", "-1"),
                ("--svg: it is empty", "localhost", "--svg", ""), ("--naive", "localhost", "--naive"),
                ("not understood: extra", "localhost", "hello", "extra")):
            with self.subTest(arguments):
                self.refuses(reason, *arguments)

    def test_names_and_addresses_that_are_not_there_are_local_failures(self):
        result = run("bench", "no-such-host.invalid", "--json")
        self.assertEqual(result.returncode, LOCAL)
        self.assertIn("no-such-host.invalid", json.loads(result.stdout)["error"])
        self.assertEqual(run("bench", "127.0.0.1", "--source", "192.0.2.1").returncode, LOCAL)
        self.assertEqual(run("bench", "127.0.0.1", "--interface", "no-such").returncode, LOCAL)

    def test_help_has_examples_and_exit_codes(self):
        helped = run("bench", "--help").stdout
        for text in ("--outstanding", "--rate", "--svg", "Examples:", "Exit codes:"):
            self.assertIn(text, helped)
        self.assertLessEqual(max(map(len, helped.splitlines())), 120)


if __name__ == "__main__":
    holler_test.main()
