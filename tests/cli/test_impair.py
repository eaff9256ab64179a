"""`holler impair`: the options, what it prints, and how it ends."""

import json
import os
import pathlib
import pty
import resource
import signal
import socket
import subprocess
import tempfile
import termios
import time
import unittest

import holler_test
import impair
from holler_test import Server, run


def echo(data):
    return b"re: " + data


class Directions(unittest.TestCase):
    def counts(self, *arguments, datagrams=50):
        """The summary after so many questions to a target that answers all that it hears."""
        with impair.Target(echo) as target, impair.Relay(target.endpoint, *arguments) as relay, \
                impair.client() as sock:
            for number in range(datagrams):
                sock.sendto(b"%d" % number, relay.address)
            relay.wait_for(lambda counts: counts["up"]["received"] == datagrams and
                           counts["down"]["received"] == counts["up"]["delivered"])
            return relay.finish()

    def test_an_option_is_for_both_directions_unless_it_says_which(self):
        both = self.counts("--loss", "50%", "--seed", 1)
        self.assertGreater(both["up"]["lost"], 0)
        self.assertGreater(both["down"]["lost"], 0)
        up = self.counts("--up-loss", "100%")
        self.assertEqual((up["up"]["lost"], up["down"]["received"]), (50, 0))
        down = self.counts("--down-loss", "100%")
        self.assertEqual((down["up"]["delivered"], down["down"]["lost"]), (50, 50))

    def test_what_is_said_of_one_direction_replaces_what_is_said_of_both(self):
        counts = self.counts("--loss", "100%", "--up-loss", "0%")
        self.assertEqual((counts["up"]["lost"], counts["down"]["lost"]), (0, 50))

    def test_every_option_is_there_for_each_direction(self):
        for option, value, key in (("loss", "100%", "chance"), ("burst-loss", "100%,0%", "burst"),
                                   ("mtu", "68", "too_big"), ("outage", "1h@0s", "outage")):
            for way in ("up", "down"):
                with self.subTest(option=option, way=way), impair.Target(lambda _: bytes(100)) as target, \
                        impair.Relay(target.endpoint, f"--{way}-{option}", value) as relay, \
                        impair.client() as sock:
                    for _ in range(3):
                        sock.sendto(bytes(100), relay.address)
                    counts = relay.wait_for(lambda counts: counts[way]["received"] == 3)
                    self.assertEqual(counts[way]["lost_by"], {key: 2 if option == "burst-loss" else 3})
        for option, value, key in (("duplicate", "100%,0ms", "duplicated"), ("reorder", "100%,1ms", "held_back"),
                                   ("corrupt", "100%", "corrupted"), ("delay", "1h", "pending"),
                                   ("jitter", "8000h", "pending"), ("rate", "1bit", "pending")):
            for way in ("up", "down"):
                with self.subTest(option=option, way=way), impair.Target(echo) as target, \
                        impair.Relay(target.endpoint, f"--{way}-{option}", value) as relay, \
                        impair.client() as sock:
                    sock.sendto(b"question", relay.address)
                    self.assertEqual(relay.wait_for_received(way, 1)[way][key], 1)

    def test_a_queue_is_bounded(self):
        with impair.Target() as target, \
                impair.Relay(target.endpoint, "--up-rate", "1bit", "--up-queue", 5) as relay, impair.client() as sock:
            for _ in range(20):
                sock.sendto(b"x", relay.address)
            up = relay.wait_for_received("up", 20)["up"]
            self.assertEqual((up["pending"], up["lost_by"]), (6, {"queue_full": 14}))

    def test_an_outage_comes_and_goes(self):
        begin = impair.time.monotonic()
        with impair.Target() as target, \
                impair.Relay(target.endpoint, "--outage", "200ms@0s", "--outage", "1h@400ms") as relay, \
                impair.client() as sock:
            def sent_until(condition):
                """Keeps sending; the counters that meet the condition."""
                def met(counts):
                    sock.sendto(b"x", relay.address)
                    return condition(counts["up"])
                return relay.wait_for(met)

            # Whether it saw the first outage depends on how fast this machine is; that it passes does not.
            sent_until(lambda up: up["delivered"] > 0 or up["lost"] > 0 and
                       impair.time.monotonic() - begin > 0.4)
            lost = sent_until(lambda up: up["lost"] > 0 and impair.time.monotonic() - begin > 0.4)
            self.assertEqual(set(lost["up"]["lost_by"]), {"outage"})
            if lost["up"]["delivered"]:
                self.assertGreaterEqual(target.next()[0] - begin, 0.2)


class Clients(unittest.TestCase):
    def test_many_clients_get_their_own_answers(self):
        with impair.Target(echo) as target, impair.Relay(target.endpoint, "--loss", "0%") as relay:
            clients = [impair.client() for _ in range(150)]
            for number, sock in enumerate(clients):
                sock.sendto(b"%d" % number, relay.address)
                if number % 50 == 49:
                    relay.wait_for_received("up", number + 1)
            for number, sock in enumerate(clients):
                self.assertEqual(sock.recvfrom(100), (b"re: %d" % number, relay.address))
                sock.close()
            self.assertEqual(len({peer for _, _, peer in target.take(150)}), 150)
            counts = relay.finish()
            self.assertEqual((counts["clients_most"], counts["clients_total"]), (150, 150))

    def test_sockets_of_idle_clients_close(self):
        with impair.Target() as target, impair.Relay(target.endpoint, "--idle", "100ms") as relay:
            descriptors = pathlib.Path(f"/proc/{relay.pid}/fd")
            before = len(list(descriptors.iterdir()))
            with impair.client() as sock:
                sock.sendto(b"x", relay.address)
                target.next()
            relay.wait_for(lambda counts: counts["clients"] == 0 and counts["clients_total"] == 1)
            self.assertEqual(len(list(descriptors.iterdir())), before)

    def test_clients_are_bounded(self):
        with impair.Target() as target, \
                impair.Relay(target.endpoint, "--clients", 2, "--up-delay", "1h") as relay:
            clients = [impair.client() for _ in range(5)]
            for sock in clients:
                sock.sendto(b"x", relay.address)
            counts = relay.wait_for_received("up", 5)
            self.assertEqual((counts["clients"], counts["up"]["no_client"]), (2, 3))
            for sock in clients:
                sock.close()

    def test_where_descriptors_run_out_newcomers_are_dropped_and_counted(self):
        if b"__ubsan_handle_dynamic_type" in pathlib.Path(holler_test.HOLLER).read_bytes():
            self.skipTest("UBSan needs a descriptor for each look at a vptr, and calls every object broken without one")

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))

        with impair.Target(echo) as target, impair.Relay(target.endpoint, preexec_fn=few) as relay:
            clients = [impair.client() for _ in range(30)]
            for sock in clients:
                sock.sendto(b"x", relay.address)
            counts = relay.wait_for_received("up", 30)
            self.assertGreater(counts["up"]["no_client"], 0)
            self.assertEqual(counts["clients"] + counts["up"]["no_client"], 30)
            for sock in clients[:counts["clients"]]:
                self.assertEqual(sock.recv(100), b"re: x")
            relay.finish()
            for sock in clients:
                sock.close()

    def test_a_wildcard_answers_from_the_address_that_was_asked(self):
        with impair.Target(echo) as target, impair.Relay(target.endpoint, listen=":0") as relay:
            self.assertEqual(relay.listening["address"], "::")
            for address, family in (("127.0.0.2", socket.AF_INET), ("127.0.0.3", socket.AF_INET),
                                    ("::1", socket.AF_INET6)):
                with socket.socket(family, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(holler_test.PATIENCE_SECONDS)
                    sock.sendto(b"question", (address, relay.port))
                    answer, peer = sock.recvfrom(100)
                    self.assertEqual((answer, peer[:2]), (b"re: question", (address, relay.port)))

    def test_a_target_that_is_not_there_is_counted(self):
        with impair.Relay(f"127.0.0.1:{holler_test.free_port()}") as relay, impair.client() as sock:
            sock.sendto(b"x", relay.address)
            relay.wait_for(lambda counts: counts["up"]["refused"] == 1)


class Asking(unittest.TestCase):
    def test_every_question_is_answered_exactly_once_through_a_very_bad_network(self):
        with tempfile.NamedTemporaryFile("w+") as runs:
            with Server("--exec", f"cat; echo run >> {runs.name}") as server, \
                    impair.Relay(server.endpoint, "--loss", "30%", "--duplicate", "10%,5ms", "--reorder", "20%",
                                 "--seed", 7) as relay:
                result = run("ask", relay.endpoint, "hello", "--count", 30, "--interval", "0ms", "--first-wait",
                             "30ms", "--deadline", "50s", "--json")
                self.assertEqual(result.returncode, 0, result.stderr)
                objects = [json.loads(line) for line in result.stdout.splitlines()]
                self.assertEqual([one["outcome"] for one in objects[:-1]], ["answered"] * 30)
                self.assertEqual({one["reply"]["payload"] if "reply" in one else one["payload"]
                                  for one in objects[:-1]}, {"hello"})
                summary = relay.finish()
            self.assertEqual(runs.read().splitlines(), ["run"] * 30)
            for way in ("up", "down"):
                self.assertGreater(summary[way]["lost"], 5)
                self.assertGreater(summary[way]["duplicated"], 0)
                self.assertGreater(summary[way]["held_back"], 0)


class Output(unittest.TestCase):
    def test_people_get_a_line_where_it_listens_and_a_summary(self):
        with holler_test.Process([holler_test.HOLLER, "impair", "127.0.0.1:0", "127.0.0.1:9", "--loss", "100%",
                                  "--seed", "7", "--quiet"]) as relay:
            port = int(relay.out.wait_for(r"^Listening at 127\.0\.0\.1:(\d+), relaying to 127\.0\.0\.1:9 \(--seed 7 ")
                       .group(1))
            with impair.client() as sock:
                sock.sendto(b"x", ("127.0.0.1", port))
                self.assertEqual(relay.end(), 0)
        self.assertRegex(relay.out.lines[1], r"^Relayed for [\d.]+ m?s: \d clients?, \d at one time$")
        self.assertRegex(relay.out.lines[2], r"^  up +\d received, 0 delivered, \d lost")
        self.assertRegex(relay.out.lines[3], r"^  down +0 received, 0 delivered, 0 lost$")
        self.assertEqual(relay.err.lines, [])

    def live_lines(self, columns=None):
        """What a terminal gets, up to the third line that replaces another."""
        leader, follower = pty.openpty()
        if columns:
            termios.tcsetwinsize(follower, (24, columns))
        with subprocess.Popen([holler_test.HOLLER, "impair", "127.0.0.1:0", "127.0.0.1:9"], stderr=follower,
                              stdout=subprocess.PIPE, text=True) as relay:
            os.close(follower)
            text = b""
            while text.count(b"\r") < 3:
                text += os.read(leader, 1000)
            relay.send_signal(signal.SIGINT)
            self.assertEqual(relay.wait(holler_test.PATIENCE_SECONDS), 0)
            os.close(leader)
        return text

    def test_a_terminal_gets_a_live_line(self):
        text = self.live_lines()
        self.assertIn(b"0 clients | up 0 in, 0 out, 0 lost | down 0 in, 0 out, 0 lost", text)
        self.assertNotIn(b"\x1b", text)
        self.assertNotIn(b"\n", text)

    def test_a_live_line_is_no_longer_than_the_terminals(self):
        lines = self.live_lines(columns=40).split(b"\r")
        self.assertEqual(max(map(len, lines)), 39)

    def test_a_log_gets_the_counters_as_json_lines_unless_it_is_quiet(self):
        arguments = ["impair", "127.0.0.1:0", "127.0.0.1:9", "--interval", "10ms"]
        with holler_test.Process([holler_test.HOLLER, *arguments]) as relay:
            relay.err.wait_for('"counters"')
            self.assertEqual(relay.end(), 0)
        objects = [json.loads(line) for line in relay.err.lines]
        self.assertEqual({entry["event"] for entry in objects}, {"counters"})
        self.assertEqual(objects[0]["up"]["received"], 0)
        self.assertIn("Relayed for", "".join(relay.out.lines))
        self.assertEqual(run(*arguments, "--quiet", "--for", "100ms").stderr, "")

    def test_json_says_everything_by_name(self):
        with impair.Target() as target, impair.Relay(target.endpoint, "--seed", 7) as relay:
            self.assertEqual(relay.listening["target"], target.endpoint)
            self.assertEqual(relay.listening["seed"], 7)
            summary = relay.finish()
        self.assertGreater(summary["elapsed_ms"], 0)
        self.assertEqual(summary["up"]["lost_by"], {})
        self.assertLessEqual({"received", "delivered", "duplicated", "held_back", "corrupted", "pending", "refused",
                              "unreachable", "kernel_drops", "received_bytes"}, set(summary["down"]))

    def test_it_ends_by_itself_or_by_either_signal(self):
        self.assertEqual(run("impair", "127.0.0.1:0", "127.0.0.1:9", "--for", "50ms").returncode, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            with impair.Relay("127.0.0.1:9", "--up-delay", "1h") as relay:
                self.assertEqual(relay.end(number), 0)

    def test_counters_that_were_missed_while_it_was_stopped_are_left_out(self):
        with holler_test.Process([holler_test.HOLLER, "impair", "127.0.0.1:0", "127.0.0.1:9", "--json", "--interval",
                                  "10ms"]) as relay:
            relay.out.wait_for('"counters"')
            os.kill(relay.process.pid, signal.SIGSTOP)
            time.sleep(0.5)  # what it misses, not what is waited for
            os.kill(relay.process.pid, signal.SIGCONT)
            self.assertEqual(relay.end(), 0)
        elapsed = [json.loads(line)["elapsed_ms"] for line in relay.out.lines if '"counters"' in line]
        for first, third in zip(elapsed, elapsed[2:]):
            self.assertGreater(third - first, 5, "three within half an interval")

    def test_a_reader_who_goes_away_ends_it(self):
        process = subprocess.Popen([holler_test.HOLLER, "impair", "127.0.0.1:0", "127.0.0.1:9", "--json",
                                    "--interval", "5ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(holler_test.PATIENCE_SECONDS), 4)
        self.assertIn("cannot write to standard output", process.stderr.read())
        process.stderr.close()


class Usage(unittest.TestCase):
    def refuses(self, reason, *arguments):
        result = run("impair", *arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(reason, result.stderr)
        self.assertEqual(result.stdout, "")

    def test_values_say_what_is_wrong_with_them(self):
        for option, value, reason in (
                ("loss", "20", "is more than all"), ("loss", "", "1 required SHARE missing"), ("delay", "50", "needs a unit"),
                ("burst-loss", "5%", "BEGIN,END"), ("burst-loss", "5%,x", "is not a share"),
                ("burst-loss", "5%,5%,5%,5%", "BEGIN,END"), ("duplicate", "5%,5", "needs a unit"),
                ("reorder", "5%,1s,2s", "too many parts"), ("rate", "2", "needs a unit"),
                ("rate", "fast", "is not a rate"), ("rate", "0bit", "is not from"), ("rate", "1.2.3mbit", "not a rate"),
                ("rate", "99999999gbit", "is not from"), ("queue", "many", "whole number from 0 to 65536"),
                ("queue", "65537", "whole number"), ("mtu", "67", "whole number from 68"), ("mtu", "1400b", "whole"),
                ("outage", "5s", "LENGTH@START"), ("outage", "0@1s", "above zero"), ("outage", "5s@x", "not a duration"),
                ("delay-step", "5s", "DURATION@START"), ("delay-step", "5@1s", "needs a unit"),
                ("delay-step", "5s@1s@1s", "DURATION@START"), ("delay-step", "5s@x", "not a duration")):
            for prefix in ("", "up-", "down-"):
                with self.subTest(option=prefix + option, value=value):
                    self.refuses(reason, ":0", "localhost", f"--{prefix}{option}={value}")
                    self.refuses(f"--{prefix}{option}", ":0", "localhost", f"--{prefix}{option}={value}")

    def test_places_say_what_is_wrong_with_them(self):
        self.refuses("write :5300", "5300", "localhost")
        self.refuses("port 0 cannot be asked", ":0", "localhost:0")
        self.refuses("it has no host", ":0", ":53")
        self.refuses("name one address", ":0", "0.0.0.0:53")
        self.refuses("name one address", ":0", "224.0.0.251:5353")
        self.refuses("name one address", ":0", "[ff02::fb%lo]:5353")
        self.refuses("TARGET is required", ":0")
        port = holler_test.free_port()
        self.refuses("the relay itself listens there", f"127.0.0.1:{port}", f"127.0.0.1:{port}")
        self.refuses("the relay itself listens there", f":{port}", f"127.0.0.5:{port}")

    def test_a_queue_needs_a_rate(self):
        self.refuses("--queue needs --rate", ":0", "localhost", "--queue", "5")
        self.refuses("--queue needs --rate", ":0", "localhost", "--up-queue", "5", "--down-rate", "1mbit")

    def test_an_address_in_use_is_a_local_failure(self):
        with impair.Target() as target:
            result = run("impair", target.endpoint, "127.0.0.1:9")
        self.assertEqual(result.returncode, 4)
        self.assertIn("address already in use", result.stderr)

    def test_every_option_at_once_is_understood(self):
        result = run("impair", "127.0.0.1:0", "127.0.0.1:9", *"""--loss 20% --burst-loss 1%,50% --delay 50ms
            --jitter 10ms --duplicate 5% --reorder 5% --corrupt 1% --rate 2mbit --queue 100 --mtu 1400
            --outage 5s@20s --delay-step 200ms@10s --seed 7 --for 10ms""".split())
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_help_has_examples_and_exit_codes(self):
        helped = run("impair", "--help").stdout
        for text in ("--burst-loss", "--up-", "--down-", "Examples:", "Exit codes: 0", "--corrupt"):
            self.assertIn(text, helped)
        self.assertLessEqual(max(map(len, helped.splitlines())), 120)


if __name__ == "__main__":
    holler_test.main()
