"""holler forge, each way of it against ask, ask --naive and dns: what is believed, what is dropped, what is counted."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import holler_test
from forging import FORGED_V4, RIGHT_V4, SERVER, Forging, ForgingNames
from holler_test import HOLLER, Process


class OneQuestion(Forging):
    """A server that takes its time, so that every forgery comes first."""

    def setUp(self):
        super().setUp()
        self.server = self.serve("--delay", "300ms")

    def check_real(self, printed):
        (reply,) = [json.loads(line) for line in printed if "outcome" in line]
        self.assertEqual((reply["outcome"], reply["payload"]), ("answered", "Your data was 5 bytes long"))
        return reply

    def test_a_strangers_fake_is_dropped(self):
        report, printed, _ = self.forge("stranger", client=self.ask())
        self.assertEqual(self.check_real(printed)["dropped"], {"foreign": 3})
        self.assertEqual((report["sent"], report["taken"]), (3, 0))
        self.assertEqual(report["victim"]["dropped"], {"foreign": 3})

    def test_a_stranger_who_knows_the_format_is_dropped_for_the_source(self):
        report, printed, _ = self.forge("stranger", "--as", "holler", "--count", "5", client=self.ask())
        self.assertEqual(self.check_real(printed)["dropped"], {"wrong_source": 5})
        self.assertEqual((report["sent"], report["taken"]), (5, 0))

    def test_a_strangers_fake_is_dropped_without_any_protocol(self):
        report, printed, _ = self.forge("stranger", client=self.ask("--as", "plain"))
        self.assertEqual(self.check_real(printed)["dropped"], {"wrong_source": 3})
        self.assertEqual(report["taken"], 0)

    def test_the_naive_take_a_strangers_fake(self):
        report, printed, _ = self.forge("stranger", client=self.ask("--naive"), code=1)
        reply = json.loads(printed[0])
        self.assertEqual(reply["payload"], "FAKE")
        self.assertNotEqual(reply["peer"], SERVER)
        self.assertEqual(report["taken"], 1)

    def test_only_the_client_that_was_named_is_attacked(self):
        for mode in ("stranger", "spoof"):
            report, _, _ = self.forge(mode, "--to", "127.0.0.2", client=self.ask("--naive"))
            self.assertEqual((report["sent"], report["taken"]), (0, 0), mode)
            report, _, _ = self.forge(mode, "--to", "127.0.0.1", client=self.ask())
            self.assertEqual((report["sent"], report["taken"]), (3, 0), mode)

    def test_a_text_that_is_in_real_answers_too_is_not_counted_as_taken(self):
        report, _, _ = self.forge("stranger", "--say", "a", client=self.ask())
        self.assertEqual((report["sent"], report["taken"]), (3, 0))
        report, _, _ = self.forge("stranger", "--say", "a", client=self.ask("--naive"), code=1)
        self.assertEqual(report["taken"], 1)

    def test_what_was_never_forged_was_never_taken(self):
        run = self.namespace.run("forge", "stranger", SERVER, "--json", "--", "sh", "-c", "echo FAKE")
        report = json.loads(run.stdout.splitlines()[-1])["forge"]
        self.assertEqual((run.returncode, report["sent"], report["taken"]), (0, 0, 0))

    def test_however_many_are_to_be_sent_it_ends_in_time(self):
        for mode, client in (("stranger", ()), ("spoof", ()), ("onpath", self.ask())):
            to = () if client else ("--to", "127.0.0.1:40000")
            report, _, _ = self.forge(mode, "--count", "4000000000", "--for", "200ms", *to, client=client,
                                      code=1 if client else 0)
            self.assertGreater(report["sent"], 3, mode)
            self.assertLess(report["sent"], 4_000_000_000, mode)

    def test_a_reader_who_goes_away_ends_it_and_its_client(self):
        forger = subprocess.Popen([*self.namespace.prefix, HOLLER, "forge", "stranger", SERVER, "-q", "--", "yes"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        forger.stdout.readline()
        forger.stdout.close()
        self.assertEqual(forger.wait(holler_test.PATIENCE_SECONDS), 4)
        self.assertIn("cannot write to standard output", forger.stderr.read())
        forger.stderr.close()

    def test_a_stranger_needs_no_privilege(self):
        # Nobody else may enter a superuser's home, where the program may have been built.
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = shutil.copy(HOLLER, folder)
            run = holler_test.run_program(
                [*self.namespace.prefix, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
                 program, "forge", "stranger", SERVER, "--json", "--", program, *self.ask()])
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(json.loads(run.stdout.splitlines()[-1])["forge"]["sent"], 3)

    def test_the_others_name_the_privilege_that_they_need(self):
        for mode in ("spoof", "flood", "replay", "onpath"):
            run = holler_test.run_program(
                [*self.namespace.prefix, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                 "--no-new-privs", HOLLER, "forge", mode, SERVER, "--", HOLLER, *self.ask()])
            self.assertEqual((run.returncode, run.stdout), (4, ""), mode)
            self.assertIn("CAP_NET_RAW", run.stderr)

    def test_a_forged_source_passes_and_a_guessed_id_does_not(self):
        for server in (SERVER, "[::1]:1060"):
            if server != SERVER:
                self.serve("--delay", "300ms", address="::1")
            report, printed, _ = self.forge("spoof", "--count", "7", client=self.ask(server=server), server=server)
            reply = self.check_real(printed)
            self.assertEqual((reply["dropped"], reply["peer"]), ({"wrong_id": 7}, server))
            self.assertEqual((report["sent"], report["taken"], reply["alarms"]), (7, 0, 0))

    def test_the_naive_take_a_forged_source(self):
        report, printed, _ = self.forge("spoof", client=self.ask("--naive"), code=1)
        # The header as well: who checks nothing takes off nothing.
        self.assertTrue(base64.b64decode(json.loads(printed[0])["payload_base64"]).endswith(b"FAKE"))
        self.assertEqual(report["taken"], 1)

    def test_too_many_wrong_answers_raise_the_alarm(self):
        report, printed, complaints = self.forge("spoof", "--count", "99", client=self.ask())
        self.assertEqual((self.check_real(printed)["alarms"], report["victim"]["alarms"]), (0, 0))
        self.assertNotIn("alarm", complaints)
        report, printed, complaints = self.forge("spoof", "--count", "100", client=self.ask())
        self.assertEqual((self.check_real(printed)["alarms"], report["victim"]["alarms"]), (1, 1))
        self.assertRegex(complaints, r"(?m)^holler: alarm: .*100 for this question.* forging")

    def test_who_sees_the_question_can_answer_it(self):
        # docs/protocol.md: nothing is sealed, and nothing is promised against those on the path.
        for client in (self.ask(), self.ask("--as", "plain"), self.ask("--naive")):
            report, printed, _ = self.forge("onpath", client=client, code=1)
            self.assertIn("FAKE", json.loads(printed[0])["payload"])
            self.assertEqual((report["sent"], report["taken"]), (1, 1))

    def test_without_an_id_a_forged_source_is_enough(self):
        report, printed, _ = self.forge("spoof", client=self.ask("--as", "plain"), code=1)
        self.assertEqual(json.loads(printed[0])["payload"], "FAKE")
        self.assertEqual((report["protocol"], report["choices"], report["chance"]), ("plain", 1, 1))

    def test_without_a_command_whoever_asks_is_attacked(self):
        with Process([*self.namespace.prefix, HOLLER, "forge", "onpath", SERVER, "--json"]) as forger:
            def fooled():
                run = self.namespace.run(*self.ask())
                return json.loads(run.stdout)["payload"] == "FAKE"
            holler_test.wait_until(fooled, "the forger has begun")
            self.assertEqual(forger.end(), 130)
            report = json.loads(forger.out.lines[-1])["forge"]
        self.assertGreaterEqual(report["sent"], 1)
        self.assertIsNone(report["taken"])


class Replays(Forging):
    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        self.counter = folder / "runs"
        self.server = self.serve_counting("tr a-z A-Z")

    def serve_counting(self, answer):
        return self.serve("--json", "--exec", f"echo run >> {self.counter}; {answer}")

    def runs(self):
        return len(self.counter.read_text().splitlines())

    def test_late_copies_of_replies_are_dropped_and_requests_run_once(self):
        report, printed, _ = self.forge("replay", "--count", "20", client=self.ask("--count", "4", "--interval", "50ms"))
        self.assertEqual(self.runs(), 4)
        *replies, statistics = map(json.loads, printed)
        self.assertEqual([reply["payload"] for reply in replies], ["HELLO"] * 4)
        dropped = statistics["statistics"]["dropped"]
        self.assertEqual(set(dropped), {"late"})
        self.assertGreaterEqual(dropped["late"], 40)
        self.assertEqual(report["taken"], 0)
        self.assertGreaterEqual(report["sent_to_server"], 80)
        self.assertGreaterEqual(report["sent"], 160)

    def test_the_naive_take_an_old_answer_for_a_new_one(self):
        self.server.end()
        self.server = self.serve_counting(f"wc -l < {self.counter}")  # each answer is another
        report, printed, _ = self.forge("replay", client=self.ask("--naive", "--count", "10", "--interval", "100ms"))
        *replies, _ = map(json.loads, printed)
        # With the header, for who checks nothing takes off nothing.
        answers = [base64.b64decode(reply["payload_base64"]) for reply in replies]
        self.assertEqual((len(answers), answers[0]), (10, b"1\n"))
        self.assertTrue(any(answer.endswith(b"1\n") for answer in answers[1:]), answers)
        self.assertEqual((report["taken"], report["victim"]["dropped"]), (0, {}), "its text is no forgery's")
        self.assertLessEqual(self.runs(), 10, "the server does not believe what comes twice")

    def test_requests_from_another_source_run_once_too(self):
        for source in ("127.0.0.1:5000", "127.0.0.9:5000"):
            before = self.runs() if self.counter.exists() else 0
            report, _, _ = self.forge("replay", "--count", "10", "--from", source, client=self.ask())
            self.assertEqual(report["taken"], 0)
            self.assertGreaterEqual(report["sent_to_server"], 10)
            self.server.out.wait_for(rf'"event":"repeat".*"from":"{source}"')
            self.assertEqual(self.runs(), before + 1)

    def test_replays_after_the_client_has_gone_run_nothing(self):
        report, _, _ = self.forge("replay", "--count", "3", "--delay", "300ms", client=self.ask())
        self.assertGreaterEqual(report["sent_to_server"], 3)
        self.server.out.wait_for(r'"event":"repeat"')
        self.assertEqual(self.runs(), 1)
        self.assertEqual(self.server.end(), 0)
        self.assertEqual(self.runs(), 1)


class NameServer(ForgingNames):
    """Sixteen bits of ID, and the port."""

    def setUp(self):
        super().setUp()
        self.port = self.name_server(delay=0.3)

    def attack(self, mode, *arguments, code=0, client=None):
        report, printed, complaints = self.forge(mode, *arguments, server=f"127.0.0.1:{self.port}",
                                                 client=client or self.dns(), code=code)
        return report, [record["data"] for record in json.loads(printed[0])["answers"]], json.loads(printed[0]), complaints

    def test_a_wrong_source_and_a_wrong_id_are_dropped(self):
        report, addresses, found, _ = self.attack("stranger", "--as", "plain", "--count", "4")
        self.assertEqual((addresses, report["taken"], found["dropped"]), ([RIGHT_V4], 0, {"wrong_source": 4}))
        report, addresses, found, _ = self.attack("spoof", "--count", "4")
        self.assertEqual((addresses, report["taken"]), ([RIGHT_V4], 0))
        self.assertEqual((found["dropped"], report["protocol"]), ({"wrong_id": 4}, "dns"))

    def test_the_alarm_is_raised(self):
        report, addresses, found, complaints = self.attack("spoof", "--count", "150")
        self.assertEqual((addresses, found["alarms"], report["victim"]["alarms"]), ([RIGHT_V4], 1, 1))
        self.assertRegex(complaints, r"(?m)^holler: alarm: .*15[01] for this question")

    def test_who_knows_the_port_cannot_try_all_ids(self):
        # A hundred tries for each transmission are left of 65536: one attack in some hundreds succeeds, two do not.
        for _ in range(2):
            self.port = self.name_server(silent=1)
            run = self.namespace.run("forge", "flood", f"127.0.0.1:{self.port}", "--knows", "port", "--count", "70000",
                                     "--json", "--", HOLLER, *self.dns())
            found, report = map(json.loads, run.stdout.splitlines())
            if report["forge"]["taken"] == 0:
                break
        self.assertEqual([record["data"] for record in found["answers"]], [RIGHT_V4])
        self.assertGreaterEqual(found["alarms"], 1)
        self.assertGreater(found["dropped"]["wrong_id"], 100)
        victim = report["forge"]["victim"]
        self.assertEqual((victim["alarms"], victim["dropped"]), (found["alarms"], found["dropped"]))
        self.assertEqual(report["forge"]["choices"], 65536)

    def test_an_unknown_port_makes_it_a_gamble(self):
        report, addresses, _, _ = self.attack("flood", "--count", "5000")
        self.assertGreater(report["choices"], 65536 * 10000)
        self.assertLess(report["chance"], 1e-4)
        self.assertEqual(addresses, [RIGHT_V4] if report["taken"] == 0 else [FORGED_V4])

    def test_who_sees_the_question_can_answer_it(self):
        report, addresses, _, _ = self.attack("onpath", code=1)
        self.assertEqual((addresses, report["taken"]), ([FORGED_V4], 1))

    def test_a_replayed_answer_answers_no_other_question(self):
        self.port = self.name_server()
        report, printed, _ = self.forge(
            "replay", "--count", "3", server=f"127.0.0.1:{self.port}",
            client=["dns", "guinness.example", f"@127.0.0.1:{self.port}", "--json"])
        self.assertEqual(report["taken"], 0)
        self.assertEqual(json.loads(printed[0])["answers"][0]["data"], RIGHT_V4)


class OtherMachines(Forging):
    """Nothing is forged toward anybody else, or in anybody else's name."""

    def setUp(self):
        super().setUp()
        self.namespace.ip("link add near type veth peer name far")
        self.namespace.ip("address add 192.0.2.1/24 dev near")
        self.namespace.ip("link set near up")
        self.namespace.ip("link set far up")
        self.namespace.ip("route add default via 192.0.2.254")

    def test_addresses_of_others_are_refused(self):
        for arguments in (["192.0.2.2"], ["198.51.100.7:53"], ["192.0.2.255"], ["255.255.255.255"], ["224.0.0.1"],
                          ["0.0.0.0"], ["::"], ["2001:db8::1"], ["127.0.0.1", "--to", "192.0.2.2:4000"],
                          ["192.0.2.1", "--to", "198.51.100.7:4000"]):
            for mode in ("stranger", "spoof", "flood", "replay", "onpath"):
                run = self.namespace.run("forge", mode, *arguments, "--", HOLLER, "ask", "127.0.0.1", "hello")
                self.assertEqual((run.returncode, run.stdout), (2, ""), arguments)
                self.assertIn("not an address of this machine", run.stderr)
        run = self.namespace.run("forge", "replay", "127.0.0.1", "--from", "198.51.100.7:53")
        self.assertEqual(run.returncode, 2)
        self.assertIn("not an address of this machine", run.stderr)

    def test_a_link_local_server_is_refused_where_no_forgery_would_arrive(self):
        self.namespace.ip("address add fe80::77/64 dev near nodad")
        for mode in ("spoof", "flood", "replay", "onpath"):
            run = self.namespace.run("forge", mode, "fe80::77%near", "--for", "100ms")
            self.assertEqual((run.returncode, run.stdout), (2, ""), mode)
            self.assertIn("link-local", run.stderr)

    def test_an_outside_address_of_this_machine_is_allowed(self):
        self.serve("--delay", "300ms", address="192.0.2.1")
        report, _, _ = self.forge("spoof", server="192.0.2.1:1060", client=self.ask(server="192.0.2.1:1060"))
        self.assertEqual((report["sent"], report["taken"], report["victim"]["dropped"]), (3, 0, {"wrong_id": 3}))

    def test_nothing_leaves_through_an_interface(self):
        def left():
            path = "/sys/class/net/near/statistics/tx_packets"
            return int(holler_test.run_program([*self.namespace.prefix, "cat", path]).stdout)
        self.serve("--delay", "300ms", address="192.0.2.1")
        before = left()
        self.forge("flood", "--count", "20000", server="192.0.2.1:1060", client=self.ask(server="192.0.2.1:1060"))
        # IPv6's own neighbour discovery may say something meanwhile.
        self.assertLess(left() - before, 50)


class Usage(unittest.TestCase):
    def test_nonsense_is_a_usage_error_with_a_reason(self):
        for reason, arguments in [
            ("MODE", []),
            ("'lie' is not a MODE", ["lie", "127.0.0.1"]),
            ("SERVER", ["spoof"]),
            ("what can be known", ["flood", "127.0.0.1", "--knows", "everything"]),
            ("not a protocol that is forged", ["spoof", "127.0.0.1", "--as", "ntp"]),
            ("without quotes", ["spoof", "127.0.0.1", "--say", 'a"b']),
            ("--from is for replay", ["spoof", "127.0.0.1", "--from", "127.0.0.1:5000"]),
            ("--from needs a port", ["replay", "127.0.0.1", "--from", "127.0.0.1"]),
            ("--delay is for replay", ["spoof", "127.0.0.1", "--delay", "1s"]),
            ("port 0", ["spoof", "127.0.0.1:0"]),
            ("two IP versions", ["spoof", "127.0.0.1", "--to", "[::1]:5000"]),
            ("not an address of this machine", ["stranger", "127.0.0.1", "--to", "127.255.255.255:5000"]),
        ]:
            with self.subTest(arguments=arguments):
                result = holler_test.run("forge", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""), result.stderr)
                self.assertIn(reason, result.stderr)

    def test_a_command_that_is_not_there_is_a_local_failure(self):
        result = holler_test.run("forge", "stranger", "127.0.0.1", "--", "no-such-program")
        self.assertEqual(result.returncode, 4)
        self.assertIn("'no-such-program'", result.stderr)


if __name__ == "__main__":
    holler_test.main()
