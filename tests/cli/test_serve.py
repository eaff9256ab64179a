"""`holler serve`: where it listens, what it answers, what it prints, how it ends."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import holler_test
from holler_test import HOLLER, Server, run, run_program


def ask(server, message="hello", *arguments, **options):
    return run("ask", server.endpoint, message, "--first-wait", "100ms", *arguments, **options)


class Listening(unittest.TestCase):
    def test_the_first_line_has_the_real_port(self):
        with Server() as server:
            self.assertNotEqual(server.port, "0")
            self.assertEqual(server.address, "127.0.0.1")
            self.assertEqual(ask(server).stdout, "Your data was 5 bytes long")

    def test_names_work(self):
        with Server(address="localhost") as server:
            self.assertIn(server.address, ("127.0.0.1", "::1"))
            self.assertEqual(ask(server).returncode, 0)

    def test_wildcards_hear_both_families(self):
        for address in ("", "*", "::"):
            with self.subTest(address), Server(address=address) as server:
                for peer in (f"127.0.0.1:{server.port}", f"[::1]:{server.port}"):
                    self.assertEqual(run("ask", peer, "hello").stdout, "Your data was 5 bytes long")

    def test_the_ipv4_wildcard_hears_ipv4_alone(self):
        with Server(address="0.0.0.0") as server:
            self.assertEqual(server.address, "0.0.0.0")
            self.assertEqual(run("ask", f"127.0.0.1:{server.port}", "hello").returncode, 0)
            self.assertEqual(run("ask", f"[::1]:{server.port}", "hello").returncode, 3)

    def test_the_port_may_be_part_of_the_address(self):
        with holler_test.Process([HOLLER, "serve", "127.0.0.1:0"]) as server:
            self.assertNotEqual(server.out.wait_for(r"^Listening at 127\.0\.0\.1:(\d+)$").group(1), "0")
        for address, shown in (("[::1]:0", r"\[::1\]"), (":0", r"\[::\]"), ("*:0", r"\[::\]")):
            with self.subTest(address), holler_test.Process([HOLLER, "serve", address]) as server:
                server.out.wait_for(rf"^Listening at {shown}:\d+")
        with Server(address="[::1]") as server:
            self.assertEqual(server.address, "::1")
        for address, reason in (("127.0.0.1:5000", "twice"), ("[::1", "not closed"), ("127.0.0.1:", "no port")):
            with self.subTest(address):
                result = run("serve", address, "-p", "0")
                self.assertEqual(result.returncode, 2)
                self.assertIn(reason, result.stderr)

    def test_plain_datagrams_are_answered_plainly(self):
        with Server() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(holler_test.PATIENCE_SECONDS)
            sock.sendto(b"made by hand", ("127.0.0.1", int(server.port)))
            self.assertEqual(sock.recv(2048), b"Your data was 12 bytes long")
            server.out.wait_for(r'request .*"made by hand"  plain')

    def test_threads_share_the_port_and_nobody_else_does(self):
        with Server("--threads", "3", "--spin", "50us") as server:
            for _ in range(10):
                self.assertEqual(ask(server).stdout, "Your data was 5 bytes long")
            again = run("serve", "-p", server.port, "--threads", "3")
            self.assertEqual(again.returncode, 4)
            self.assertIn("already in use", again.stderr)
        result = run("serve", "-p", "0", "--threads", "2000")
        self.assertEqual(result.returncode, 2)
        self.assertIn("from 1 to 1024", result.stderr)

    def test_the_port_is_free_at_once_afterwards(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), Server() as server:
                self.assertEqual(ask(server).returncode, 0)
                self.assertEqual(server.end(number), 0)
                with Server(port=server.port) as again:
                    self.assertEqual(again.port, server.port)

    def test_a_port_of_another_service_is_warned_of(self):
        # Any of these may be taken by the service itself, which is then not ours to disturb.
        for port, name in ((5432, "postgresql"), (5353, "mdns"), (5060, "sip"), (1812, "radius")):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            with Server(port=str(port)) as server:
                server.err.wait_for(rf"holler: warning: port {port} is registered for {name}")
                return
        self.skipTest("each of the registered ports is in use")


class Failures(unittest.TestCase):
    def test_a_port_in_use_names_address_and_port(self):
        with Server() as server:
            result = run("serve", "127.0.0.1", "-p", server.port)
            self.assertEqual(result.returncode, 4)
            self.assertRegex(result.stderr, rf"^holler: .*127\.0\.0\.1:{server.port}.*in use")
            self.assertEqual(result.stdout, "")

    def test_an_address_of_another_machine_is_said(self):
        result = run("serve", "192.0.2.1", "-p", "0")
        self.assertEqual(result.returncode, 4)
        self.assertIn("192.0.2.1", result.stderr)

    def test_an_unknown_host_is_said(self):
        result = run("serve", "no-such-host.invalid", "-p", "0")
        self.assertEqual(result.returncode, 4)
        self.assertIn("no-such-host.invalid", result.stderr)

    def test_an_unknown_interface_is_said(self):
        result = run("serve", "-p", "0", "--interface", "nosuch0")
        self.assertEqual(result.returncode, 4)
        self.assertIn("nosuch0", result.stderr)

    def test_a_privileged_port_names_capability_and_sysctl(self):
        start = int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
        if start <= 1:
            self.skipTest("every port is unprivileged here")
        command, options = [HOLLER], {}
        with tempfile.TemporaryDirectory() as folder:
            if os.geteuid() == 0:
                # An ordinary user may not be able to read the build tree.
                os.chmod(folder, 0o755)
                command = [shutil.copy(HOLLER, folder)]
                options = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
            result = run_program([*command, "serve", "-p", str(start - 1)], **options)
        self.assertEqual(result.returncode, 4)
        self.assertIn("CAP_NET_BIND_SERVICE", result.stderr)
        self.assertIn("ip_unprivileged_port_start", result.stderr)

    def test_it_ends_when_nobody_can_read_it(self):
        with open("/dev/full", "w") as full:
            result = run("serve", "-p", "0", stdout=full)
        self.assertEqual(result.returncode, 4)
        self.assertIn("cannot write to standard output: No space left on device", result.stderr)

    def test_it_ends_when_its_reader_goes_away(self):
        reading, writing = os.pipe()
        with contextlib.ExitStack() as stack:
            server = subprocess.Popen([HOLLER, "serve", "-p", "0"], stdout=writing, stderr=subprocess.PIPE, text=True)
            stack.callback(server.wait)
            stack.callback(server.kill)
            stack.enter_context(server.stderr)
            os.close(writing)
            endpoint = os.read(reading, 4096).decode().split()[2]
            os.close(reading)
            run("ask", endpoint, "hello", "--deadline", "100ms")
            self.assertEqual(server.wait(holler_test.PATIENCE_SECONDS), 4)
            self.assertEqual(server.stderr.read(), "holler: cannot write to standard output: Broken pipe\n")


class Replies(unittest.TestCase):
    def test_a_template_is_filled(self):
        with Server("--reply", "{bytes} of {text} from {from} {{}}") as server:
            result = ask(server, "hello", "--json")
            reply = json.loads(result.stdout)
            self.assertEqual(reply["payload"], f"5 of hello from {reply['local']} {{}}")

    def test_what_an_asker_says_is_no_template(self):
        with Server("--reply", "{text}") as server:
            self.assertEqual(ask(server, "{bytes}{from}").stdout, "{bytes}{from}")

    def test_an_echo_is_exact(self):
        payload = bytes(range(256)) * 200
        with Server("--echo") as server:
            result = run("ask", server.endpoint, stdin=payload, text=False)
            self.assertEqual(result.stdout, payload)

    def test_an_empty_message_gets_an_answer(self):
        with Server("--echo") as server:
            result = ask(server, "")
            self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_a_delay_is_kept(self):
        with Server("--delay", "300ms") as server:
            reply = json.loads(run("ask", server.endpoint, "hello", "--json").stdout)
            self.assertGreaterEqual(reply["elapsed_ms"], 300)
            self.assertGreaterEqual(reply["server_ms"], 300)
            self.assertLess(reply["rtt_ms"], reply["elapsed_ms"])

    def test_strangers_to_the_allow_list_are_not_heard(self):
        with Server("--allow", "192.0.2.0/24", "--allow", "2001:db8::/32") as server:
            self.assertEqual(ask(server, "hello", "--deadline", "200ms").returncode, 1)
            server.out.wait_for(r'dropped .*"hello".*not_allowed')
        with Server("--allow", "192.0.2.0/24", "--allow", "127.0.0.0/8") as server:
            self.assertEqual(ask(server).returncode, 0)


class Lines(unittest.TestCase):
    def test_there_is_one_line_for_each_request(self):
        with Server() as server:
            for word in ("one", "two", "three"):
                ask(server, word)
            server.end()
            requests = [line for line in server.out.lines if " request " in line]
            self.assertEqual(len(requests), 3)
            self.assertRegex(requests[0], r'^\d\d:\d\d:\d\d\.\d{3}  request   127\.0\.0\.1:\d+ +3  "one"')

    def test_the_summary_adds_up(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number), Server() as server:
                ask(server)
                ask(server)
                self.assertEqual(server.end(number), 0)
                self.assertRegex(server.out.lines[-1],
                                 r"^Served .*: received 2 datagrams, answered 2 of 2 requests, 0 repeated, dropped 0, "
                                 r"lost by the kernel 0$")

    def test_quiet_leaves_the_first_line_and_the_summary(self):
        with Server("--quiet") as server:
            ask(server)
            server.end()
            self.assertEqual([line.split()[0] for line in server.out.lines], ["Listening", "Served"])
            self.assertEqual(server.err.lines, [])

    def test_json_has_an_object_for_each_event(self):
        with Server("--json", "--drop", "50%", "--seed", "1", "--delay", "50ms") as server:
            for i in range(20):
                self.assertEqual(run("ask", server.endpoint, f"number {i}", "--first-wait", "20ms").returncode, 0)
            server.end()
            events = server.events()
        self.assertEqual(events[0]["event"], "listening")
        self.assertEqual((events[0]["drop"], events[0]["seed"], events[0]["delay_ms"]), (0.5, 1, 50))
        self.assertEqual(events[-1]["event"], "summary")
        kinds = {kind: [event for event in events if event["event"] == kind] for kind in ("request", "dropped", "repeat")}
        self.assertEqual(len(kinds["request"]), 20)
        self.assertEqual([event["payload"] for event in kinds["request"]], [f"number {i}" for i in range(20)])
        self.assertTrue(all(event["protocol"] == "holler" for event in kinds["request"]))
        self.assertTrue(kinds["dropped"])
        self.assertTrue(all(event["reason"] == "simulated_loss" for event in kinds["dropped"]))
        # 20 ms to the first repeat, 50 ms to the reply: what is not dropped comes twice.
        self.assertTrue(kinds["repeat"])
        summary = events[-1]
        self.assertEqual(summary["requests"], 20)
        self.assertEqual(summary["answered"], 20)
        self.assertEqual(summary["repeated"], len(kinds["repeat"]))
        self.assertEqual(summary["dropped"], {"simulated_loss": len(kinds["dropped"])})
        self.assertEqual(summary["received"], 20 + len(kinds["repeat"]) + len(kinds["dropped"]))
        for event in events:
            self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


if __name__ == "__main__":
    holler_test.main()
