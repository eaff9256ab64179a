"""`holler ask`: what it prints where, how it ends, and what it says then."""

import base64
import json
import os
import pty
import re
import signal
import socket
import threading
import unittest

import holler_test
from holler_test import HOLLER, Process, Server, environment, free_port, run, run_program, silent_peer, wait_until

KEYS = ["outcome", "peer", "local", "attempts", "rtt_ms", "server_ms", "maybe_repeated", "maybe_done", "elapsed_ms",
        "payload", "payload_base64", "dropped", "alarms"]


class Answered(unittest.TestCase):
    def test_the_reply_goes_to_stdout_and_the_story_to_stderr(self):
        with Server() as server:
            result = run("ask", server.endpoint, "This is a message")
            self.assertEqual((result.returncode, result.stdout), (0, "Your data was 17 bytes long"))
            self.assertRegex(result.stderr, rf"^{server.endpoint} answered in .* \(1 attempt, network .*, server .*\)\n$")

    def test_quiet_tells_no_story(self):
        with Server() as server:
            result = run("ask", server.endpoint, "hello", "--quiet")
            self.assertEqual((result.stdout, result.stderr), ("Your data was 5 bytes long", ""))

    def test_the_port_may_be_part_of_the_host_or_an_option(self):
        with Server(address="") as server:
            for arguments in ([f"127.0.0.1:{server.port}"], ["127.0.0.1", "-p", server.port], [f"localhost:{server.port}"],
                              [f"[::1]:{server.port}"], ["[::1]", "-p", server.port], ["::1", "-p", server.port]):
                with self.subTest(arguments):
                    self.assertEqual(run("ask", *arguments[:1], "hello", *arguments[1:]).returncode, 0)

    def test_the_message_may_come_from_stdin(self):
        with Server("--echo") as server:
            for arguments in (["-"], []):
                result = run("ask", server.endpoint, *arguments, stdin=b"two\nlines\n\x00\xff", text=False)
                self.assertEqual(result.stdout, b"two\nlines\n\x00\xff")

    def test_the_message_may_look_like_an_option(self):
        with Server("--echo") as server:
            self.assertEqual(run("ask", server.endpoint, "--", "--naive").stdout, "--naive")
            self.assertEqual(run("ask", server.endpoint, "[1,2]").stdout, "[1,2]")

    def test_a_terminal_gets_a_whole_line_and_nothing_that_it_would_obey(self):
        with Server("--echo") as server:
            terminal, end = pty.openpty()
            try:
                result = run("ask", server.endpoint, "\x1b[31mred\nnext \"line\"", "--quiet", stdout=end)
                self.assertEqual(result.returncode, 0)
                self.assertEqual(os.read(terminal, 4096), b"\\x1B[31mred\r\nnext \"line\"\r\n")
            finally:
                os.close(end)
                os.close(terminal)

    def test_colour_comes_on_a_terminal_unless_no_color_is_set(self):
        with Server() as server:
            for extra, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
                terminal, end = pty.openpty()
                try:
                    run("ask", server.endpoint, "hello", "--trace", stderr=end, env=extra)
                    self.assertEqual(b"\x1b[" in os.read(terminal, 65536), coloured, extra)
                finally:
                    os.close(end)
                    os.close(terminal)

    def test_plain_asks_anybody(self):
        with silent_peer() as peer, Process(
                [HOLLER, "ask", f"127.0.0.1:{peer.getsockname()[1]}", "hello", "--as", "plain"]) as asker:
            message, address = peer.recvfrom(2048)
            self.assertEqual(message, b"hello")
            peer.sendto(b"hello yourself", address)
            self.assertEqual(asker.wait(), 0)
            self.assertEqual(asker.out.rest(), ["hello yourself"])

    def test_the_source_may_be_chosen(self):
        with Server() as server:
            port = free_port(address="127.0.0.2")
            for source, local in (("127.0.0.2", r"127\.0\.0\.2:\d+"), (f"127.0.0.2:{port}", rf"127\.0\.0\.2:{port}")):
                result = run("ask", server.endpoint, "hello", "--source", source, "--json")
                self.assertRegex(json.loads(result.stdout)["local"], f"^{local}$")

    def test_the_source_port_may_be_chosen_for_either_ip_version(self):
        with Server(address="") as server:
            for peer, source in (("127.0.0.1", ":{}"), ("127.0.0.1", "[::]:{}"), ("127.0.0.1", "0.0.0.0:{}"),
                                 ("[::1]", ":{}"), ("[::1]", "*:{}")):
                with self.subTest(peer=peer, source=source):
                    port = holler_test.free_port(socket.AF_INET6, "::")
                    result = run("ask", f"{peer}:{server.port}", "hello", "--json", "--source", source.format(port))
                    self.assertEqual(json.loads(result.stdout)["local"], f"{peer}:{port}", result.stderr)

    def test_the_interface_may_be_chosen(self):
        holler_test.needs_root("binding to an interface may need root")
        with Server() as server:
            self.assertEqual(run("ask", server.endpoint, "hello", "--interface", "lo").returncode, 0)


class Json(unittest.TestCase):
    def test_an_answer_has_exactly_these_keys(self):
        with Server("--echo") as server:
            result = run("ask", server.endpoint, "grüße", "--json")
            reply = json.loads(result.stdout)
            self.assertEqual(list(reply), KEYS)
            self.assertEqual(result.stderr, "")
            self.assertEqual((reply["outcome"], reply["peer"], reply["attempts"]), ("answered", server.endpoint, 1))
            self.assertRegex(reply["local"], r"^127\.0\.0\.1:\d+$")
            self.assertEqual(reply["payload"], "grüße")
            self.assertEqual(base64.b64decode(reply["payload_base64"]), "grüße".encode())
            self.assertEqual(reply["dropped"], {})
            self.assertGreater(reply["rtt_ms"], 0)
            self.assertGreaterEqual(reply["server_ms"], 0)
            self.assertGreaterEqual(reply["elapsed_ms"], reply["rtt_ms"])

    def test_a_payload_that_is_not_utf8_is_null_and_base64(self):
        for payload in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"a\xe2\x82", b"", b"x", b"xy", b"xyz"):
            with self.subTest(payload), Server("--echo") as server:
                reply = json.loads(run("ask", server.endpoint, "--json", stdin=payload, text=False).stdout)
                self.assertEqual(base64.b64decode(reply["payload_base64"]), payload)
                try:
                    self.assertEqual(reply["payload"], payload.decode())
                except UnicodeDecodeError:
                    self.assertIsNone(reply["payload"])

    def test_a_failure_has_the_same_keys_and_says_why(self):
        with silent_peer() as peer:
            endpoint = f"127.0.0.1:{peer.getsockname()[1]}"
            result = run("ask", endpoint, "hello", "--json", "--deadline", "200ms", "--first-wait", "50ms")
        reply = json.loads(result.stdout)
        self.assertEqual(list(reply), [*KEYS, "error"])
        self.assertEqual((reply["outcome"], reply["peer"]), ("no_answer", endpoint))
        self.assertGreaterEqual(reply["attempts"], 2)
        self.assertGreaterEqual(reply["elapsed_ms"], 200)
        self.assertIs(reply["maybe_done"], True)
        for key in ("rtt_ms", "server_ms", "payload", "payload_base64"):
            self.assertIsNone(reply[key])
        self.assertIn("no answer", reply["error"])

    def test_a_failure_before_anything_left_has_them_too(self):
        reply = json.loads(run("ask", "no-such-host.invalid", "hello", "--json").stdout)
        self.assertEqual(list(reply), [*KEYS, "error"])
        self.assertIn(reply["outcome"], ("name_unknown", "name_unavailable"))
        self.assertEqual((reply["peer"], reply["local"], reply["attempts"]), (None, None, 0))
        self.assertIs(reply["maybe_done"], False)

    def test_whatever_cannot_be_asked_is_an_object_too(self):
        for outcome, arguments, options in (
                ("address_not_local", ["--source", "192.0.2.1"], {}),
                ("address_not_local", ["--interface", "no-such-one"], {}),
                ("system", ["-"], {"stdin": None, "preexec_fn": lambda: os.close(0)})):
            with self.subTest(arguments):
                result = run("ask", "127.0.0.1", *arguments, "--json", **options)
                reply = json.loads(result.stdout)
                self.assertEqual((list(reply), reply["outcome"]), ([*KEYS, "error"], outcome))
                self.assertEqual(result.returncode, 4)
                self.assertEqual(result.stderr, f"holler: {reply['error']}\n")

    def test_arguments_that_are_not_utf8_still_give_json(self):
        for command in (["ask", b"\xff.invalid", "hello"], ["dns", "example.org", b"@\xff.invalid"]):
            with self.subTest(command):
                result = run_program([holler_test.HOLLER, *command, "--json"], text=False)
                self.assertEqual(result.returncode, 4)
                self.assertIn("\ufffd.invalid", json.loads(result.stdout)["error"])


class Failures(unittest.TestCase):
    def test_silence_is_no_answer_and_nothing_more(self):
        with silent_peer() as peer:
            endpoint = f"127.0.0.1:{peer.getsockname()[1]}"
            result = run("ask", endpoint, "hello", "--first-wait", "50ms", "--deadline", "300ms")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr.splitlines()[-1],
                         rf"^holler: no answer from {endpoint} within 3\d\d ms \(\d attempts\); "
                         r"whether it is down, slow or cut off cannot be told$")

    def test_a_peer_that_speaks_no_protocol_gets_a_hint_at_plain(self):
        with silent_peer() as peer:
            def echo_once():
                request, asker = peer.recvfrom(65536)
                peer.sendto(request, asker)
            echoing = threading.Thread(target=echo_once)
            echoing.start()
            endpoint = f"127.0.0.1:{peer.getsockname()[1]}"
            result = run("ask", endpoint, "hello", "--deadline", "300ms")
            echoing.join()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"dropped: unknown_type 1; .*--as plain")

    def test_attempts_are_bounded(self):
        with silent_peer() as peer:
            endpoint = f"127.0.0.1:{peer.getsockname()[1]}"
            result = run("ask", endpoint, "hello", "--attempts", "3", "--first-wait", "20ms", "--json")
            self.assertEqual((result.returncode, json.loads(result.stdout)["attempts"]), (1, 3))
            peer.setblocking(False)
            for _ in range(3):
                peer.recv(2048)
            self.assertRaises(BlockingIOError, peer.recv, 2048)

    def test_a_dead_port_refuses_at_once(self):
        for port, host in ((free_port(), "127.0.0.1"), (free_port(socket.AF_INET6, "::1"), "[::1]")):
            result = run("ask", f"{host}:{port}", "hello", "--deadline", "1h")
            self.assertEqual((result.returncode, result.stdout), (3, ""))
            self.assertIn("refused: nobody listens on", result.stderr)

    def test_an_unknown_host_cannot_be_resolved(self):
        result = run("ask", "no-such-host.invalid", "hello")
        self.assertEqual(result.returncode, 4)
        self.assertRegex(result.stderr, r"^holler: .*resolve .*no-such-host\.invalid")

    def test_a_source_that_is_not_ours_is_a_local_failure(self):
        result = run("ask", "127.0.0.1", "hello", "--source", "192.0.2.1")
        self.assertEqual(result.returncode, 4)
        self.assertIn("192.0.2.1", result.stderr)

    def test_a_message_too_large_names_the_limit(self):
        for extra, limit in (([], r"65\d\d\d"), (["--as", "plain"], "65507")):
            with self.subTest(extra), Server() as server:
                result = run("ask", server.endpoint, *extra, stdin=b"x" * 65508, text=False)
                self.assertEqual((result.returncode, result.stdout), (5, b""))
                self.assertRegex(result.stderr.decode(), rf"^holler: the message has 65508 bytes, .* takes {limit} at most")

    def test_the_largest_plain_message_goes_through(self):
        with silent_peer() as peer, Process([HOLLER, "ask", f"127.0.0.1:{peer.getsockname()[1]}", "--as", "plain"],
                                            stdin=holler_test.subprocess.PIPE) as asker:
            asker.process.stdin.write("x" * 65507)
            asker.process.stdin.close()
            message, address = peer.recvfrom(70000)
            self.assertEqual(len(message), 65507)
            peer.sendto(b"got it", address)
            self.assertEqual(asker.wait(), 0)

    def test_full_output_is_a_local_failure(self):
        with Server() as server, open("/dev/full", "w") as full:
            result = run("ask", server.endpoint, "hello", stdout=full)
            self.assertEqual(result.returncode, 4)
            self.assertIn("holler: cannot write to standard output: No space left on device", result.stderr)
            self.assertEqual(run("ask", server.endpoint, "hello", stderr=full).returncode, 4)

    def test_closed_output_is_a_local_failure_and_no_socket_takes_its_place(self):
        with Server("--json") as server:
            result = holler_test.run_program(["sh", "-c", f'"$0" ask {server.endpoint} hello >&- 2>&-', HOLLER])
            self.assertEqual(result.returncode, 4)
            server.end()
            self.assertEqual([event["payload"] for event in server.events() if event["event"] == "request"], ["hello"])


class Interrupted(unittest.TestCase):
    def test_ctrl_c_ends_it_with_a_summary(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), silent_peer() as peer:
                endpoint = f"127.0.0.1:{peer.getsockname()[1]}"
                with Process([HOLLER, "ask", endpoint, "hello", "--deadline", "1h"]) as asker:
                    peer.recv(2048)
                    self.assertEqual(asker.end(number), 130)
                    self.assertRegex(asker.err.lines[-1],
                                     rf"^holler: interrupted after .* \(1 attempt\), without an answer from {endpoint}$")

    def test_ctrl_c_ends_reading_the_message(self):
        reading, writing = os.pipe()
        try:
            with Process([HOLLER, "ask", "127.0.0.1"], stdin=reading) as asker:
                status = f"/proc/{asker.pid}/status"

                def blocks_sigint():
                    with open(status, encoding="ascii") as lines:
                        mask = int(re.search(r"SigBlk:\s*(\w+)", lines.read()).group(1), 16)
                    return mask & 1 << (signal.SIGINT - 1)

                wait_until(blocks_sigint, "it has begun")
                self.assertEqual(asker.end(), 130)
        finally:
            os.close(reading)
            os.close(writing)


class Count(unittest.TestCase):
    def test_statistics_come_at_the_end(self):
        with Server() as server:
            result = run("ask", server.endpoint, "hello", "--count", "5", "--interval", "10ms")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "Your data was 5 bytes long" * 5)
        self.assertRegex(result.stderr, r"5 asked, 5 answered, 0 % without an answer; 5 datagrams sent, 0 retransmissions")
        numbers = re.search(r"min/avg/max/stddev = ([\d.]+)/([\d.]+)/([\d.]+)/([\d.]+) ms", result.stderr).groups()
        shortest, mean, longest, deviation = map(float, numbers)
        self.assertLessEqual(shortest, mean)
        self.assertLessEqual(mean, longest)
        self.assertLessEqual(deviation, longest - shortest + 0.001)

    def test_json_has_an_object_for_each_and_one_for_all(self):
        with Server("--drop", "50%", "--seed", "7") as server:
            result = run("ask", server.endpoint, "hello", "--count", "20", "--interval", "0", "--first-wait", "20ms",
                         "--max-wait", "100ms", "--json")
        *replies, last = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(replies), 20)
        statistics = last["statistics"]
        self.assertEqual((statistics["asked"], statistics["answered"], statistics["loss_percent"]), (20, 20, 0))
        self.assertEqual(statistics["datagrams"], sum(reply["attempts"] for reply in replies))
        self.assertEqual(statistics["retransmissions"], statistics["datagrams"] - 20)
        self.assertAlmostEqual(statistics["rtt_ms"]["min"], min(reply["rtt_ms"] for reply in replies), delta=0.001)
        self.assertAlmostEqual(statistics["rtt_ms"]["avg"], sum(reply["rtt_ms"] for reply in replies) / 20, delta=0.002)
        self.assertEqual(len({reply["local"] for reply in replies}), 1, "one socket asks them all")

    def test_the_first_failure_gives_the_exit_code(self):
        with silent_peer() as peer:
            result = run("ask", f"127.0.0.1:{peer.getsockname()[1]}", "hello", "--count", "2", "--interval", "0",
                         "--first-wait", "20ms", "--deadline", "50ms", "--json")
        self.assertEqual(result.returncode, 1)
        statistics = json.loads(result.stdout.splitlines()[-1])["statistics"]
        self.assertEqual((statistics["asked"], statistics["answered"], statistics["loss_percent"]), (2, 0, 100))
        self.assertIsNone(statistics["rtt_ms"])

    def test_ctrl_c_still_gives_statistics(self):
        with Server() as server, Process([HOLLER, "ask", server.endpoint, "hello", "--count", "1000000"]) as asker:
            asker.err.wait_for("answered in")
            self.assertEqual(asker.end(), 130)
            self.assertRegex("\n".join(asker.err.lines), r"\d+ asked, \d+ answered")


if __name__ == "__main__":
    holler_test.main()
