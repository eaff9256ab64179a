"""`holler serve --exec`: a command answers, once for each request."""

import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import socket
import tempfile
import unittest

import holler_test
from holler_test import Server, run, wait_until

# The waits stop growing at half a second, so that a run of losses takes seconds and not minutes.
FAST = ("--first-wait", "20ms", "--max-wait", "500ms", "--deadline", "60s")


def is_alive(pid):
    """Neither gone nor a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Exec(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_the_payload_goes_in_and_the_output_is_the_reply(self):
        with Server("--exec", "tr a-z A-Z") as server:
            self.assertEqual(run("ask", server.endpoint, "quiet, please").stdout, "QUIET, PLEASE")

    def test_bytes_go_through_unchanged(self):
        payload = bytes(range(256)) * 200
        with Server("--exec", "cat") as server:
            self.assertEqual(run("ask", server.endpoint, stdin=payload, text=False).stdout, payload)

    def test_a_command_that_reads_nothing_is_fine(self):
        payload = b"x" * 60000
        with Server("--exec", "echo ignored") as server:
            self.assertEqual(run("ask", server.endpoint, stdin=payload, text=False).stdout, b"ignored\n")

    def test_the_environment_tells_who_asks(self):
        with Server("--exec", 'echo "$HOLLER_FROM|$HOLLER_FROM_ADDRESS|$HOLLER_FROM_PORT|$HOLLER_TO|$HOLLER_BYTES"') as server:
            reply = json.loads(run("ask", server.endpoint, "hello", "--json").stdout)
            address, port = reply["local"].rsplit(":", 1)
            self.assertEqual(reply["payload"], f"{reply['local']}|{address}|{port}|{server.endpoint}|5\n")

    def test_a_thousand_askers_at_half_loss_run_it_a_thousand_times(self):
        counter = self.folder / "counter"
        with Server("--exec", f"printf '%s\\n' \"$(cat)\" >> {counter}", "--drop", "50%", "--seed", "1", "--quiet") as server:
            def ask_fifty(asker):
                result = run("ask", server.endpoint, f"asker {asker}", "--count", "50", "--interval", "0", "--json", *FAST,
                             timeout=300)
                *replies, last = [json.loads(line) for line in result.stdout.splitlines()]
                return result.returncode, [reply["outcome"] for reply in replies], last["statistics"]

            with concurrent.futures.ThreadPoolExecutor(20) as askers:
                results = list(askers.map(ask_fifty, range(20)))
            server.end()
        self.assertEqual([code for code, _, _ in results], [0] * 20)
        self.assertEqual([outcomes for _, outcomes, _ in results], [["answered"] * 50] * 20)
        self.assertGreater(sum(statistics["retransmissions"] for _, _, statistics in results), 500,
                           "half of the datagrams were lost")
        lines = counter.read_text().splitlines()
        self.assertEqual(len(lines), 1000)
        self.assertEqual(collections.Counter(lines), {f"asker {asker}": 50 for asker in range(20)})

    def test_a_repeat_does_not_run_it_again(self):
        counter = self.folder / "counter"
        with Server("--exec", f"echo run >> {counter}; sleep 0.5; echo done", "--json") as server:
            result = run("ask", server.endpoint, "hello", *FAST)
            self.assertEqual(result.stdout, "done\n")
            server.end()
            events = server.events()
        self.assertEqual(counter.read_text(), "run\n")
        self.assertGreaterEqual(events[-1]["repeated"], 1)

    def test_a_status_is_the_reason_of_a_refusal(self):
        with Server("--exec", "echo half an answer; exit 7") as server:
            result = run("ask", server.endpoint, "hello", *FAST)
            self.assertEqual((result.returncode, result.stdout), (6, ""))
            self.assertRegex(result.stderr, r"\b7\b")
            server.err.wait_for(r"holler: the command for the request of .* ended with status 7")

    def test_a_reply_too_large_is_a_refusal(self):
        with Server("--exec", "head -c 70000 /dev/zero") as server:
            result = run("ask", server.endpoint, "hello", *FAST)
            self.assertEqual((result.returncode, result.stdout), (6, ""))
            server.err.wait_for(r"holler: .* said more than the \d+ bytes")

    def test_endless_output_is_ended(self):
        pid = self.folder / "pid"
        with Server("--exec", f"echo $$ > {pid}; exec yes") as server:
            self.assertEqual(run("ask", server.endpoint, "hello", *FAST).returncode, 6)
            wait_until(lambda: not is_alive(int(pid.read_text())), "the command has ended")

    def test_a_command_too_slow_is_ended(self):
        pid = self.folder / "pid"
        with Server("--exec", f"echo $$ > {pid}; exec sleep 1000", "--exec-limit", "200ms") as server:
            self.assertEqual(run("ask", server.endpoint, "hello", *FAST).returncode, 6)
            server.err.wait_for(r"took more than 200 ms, and was ended")
            wait_until(lambda: not is_alive(int(pid.read_text())), "the command has ended")

    def test_commands_end_with_the_server_and_are_reaped(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                pids = self.folder / f"pids{number}"
                # The second process shows that the whole group is ended.
                with Server("--exec", f"sleep 1000 & echo $! >> {pids}; echo $$ >> {pids}; wait") as server:
                    with holler_test.Process([holler_test.HOLLER, "ask", server.endpoint, "hello"]):
                        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2, "the command runs")
                        self.assertEqual(server.end(number), 0)
                for pid in pids.read_text().split():
                    wait_until(lambda pid=pid: not is_alive(int(pid)), "the command has ended")

    def test_a_command_that_ignores_sigterm_is_ended_too(self):
        pid = self.folder / "pid"
        with Server("--exec", f"trap '' TERM; echo $$ > {pid}; while :; do sleep 1; done") as server:
            with holler_test.Process([holler_test.HOLLER, "ask", server.endpoint, "hello"]):
                wait_until(lambda: pid.exists() and pid.read_text().strip(), "the command runs")
                self.assertEqual(server.end(), 0)
        wait_until(lambda: not is_alive(int(pid.read_text())), "the command has ended")

    def test_nothing_runs_on_after_a_second_signal(self):
        pid = self.folder / "pid"
        with Server("--exec", f"trap '' TERM INT HUP; echo $$ > {pid}; while :; do sleep 1; done") as server:
            with holler_test.Process([holler_test.HOLLER, "ask", server.endpoint, "hello"]):
                wait_until(lambda: pid.exists() and pid.read_text().strip(), "the command runs")
                server.send_signal(signal.SIGINT)
                # Two signals that arrive as one are one: the second is sent when the first has been taken.
                wait_until(lambda: not holler_test.signals_pending(server.pid), "the first signal is taken")
                server.send_signal(signal.SIGINT)
                self.assertIn(server.wait(), (0, 130))  # 0: it was done before the second came
        wait_until(lambda: not is_alive(int(pid.read_text())), "the command has ended")

    def test_no_zombies_are_left_while_it_serves(self):
        with Server("--exec", "true", "--quiet") as server:
            run("ask", server.endpoint, "hello", "--count", "20", "--interval", "0", *FAST)

            def children():
                return pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split() + [
                    child for task in os.listdir(f"/proc/{server.pid}/task")
                    for child in pathlib.Path(f"/proc/{server.pid}/task/{task}/children").read_text().split()]

            wait_until(lambda: not children(), "every command is reaped")

    def test_more_askers_than_it_can_take_are_told_busy(self):
        gate, started = self.folder / "gate", self.folder / "started"
        command = f"echo >> {started}; while [ ! -e {gate} ]; do sleep 0.02; done; cat"
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(Server("--exec", command, "--quiet"))

            def ask_plainly(times):
                for _ in range(times):
                    sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    sock.sendto(b"plain", ("127.0.0.1", int(server.port)))

            # 8 commands run and 256 requests wait, whichever of them come first.
            ask_plainly(8)
            wait_until(lambda: started.exists() and len(started.read_text()) == 8, "8 commands run")
            ask_plainly(256)
            result = run("ask", server.endpoint, "hello", "--deadline", "2s", "--first-wait", "1s")
            self.assertEqual(result.returncode, 6, result.stderr)
            self.assertIn("busy", result.stderr)
            gate.touch()
            self.assertEqual(run("ask", server.endpoint, "at last", "--deadline", "60s").stdout, "at last")


if __name__ == "__main__":
    holler_test.main()
