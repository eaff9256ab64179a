"""holler forge flood: a million guesses at the speed of this machine, while real questions are asked and answered."""

import json
import subprocess
import sys

import holler_test
from forging import SERVER, Forging
from holler_test import HOLLER, Process


class Floods(Forging):
    COUNT = 1_000_000

    def test_not_one_of_a_million_is_taken_while_real_answers_are(self):
        self.serve("-q")
        source = "127.0.0.1:40000"
        with Process([*self.namespace.prefix, HOLLER, "forge", "flood", SERVER, "--to", source, "--knows", "number",
                      "--count", str(self.COUNT), "--json"]) as forger:
            replies = []
            while forger.process.poll() is None:
                run = self.namespace.run(*self.ask("--source", source))
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                replies.append((json.loads(run.stdout), run.stderr))
            self.assertEqual(forger.wait(), 0)
            report = json.loads(forger.out.rest()[-1])["forge"]
        self.assertEqual(report["sent"], self.COUNT)
        self.assertLess(report["chance"], 1e-13)
        self.assertEqual({reply["payload"] for reply, _ in replies}, {"Your data was 5 bytes long"})
        self.assertGreaterEqual(len(replies), 3)
        self.assertGreaterEqual(sum(reply["dropped"].get("wrong_id", 0) for reply, _ in replies), 100)
        alarmed = [complaints for reply, complaints in replies if reply["alarms"] > 0]
        self.assertTrue(alarmed)
        self.assertIn("alarm", alarmed[0])

    def test_a_client_that_asks_on_is_not_fooled_either(self):
        self.serve("-q")
        report, printed, _ = self.forge("flood", "--knows", "port,number",
                                        client=self.ask("--count", "20", "--interval", "20ms"))
        self.assertEqual(report["taken"], 0)
        self.assertEqual((report["victim"]["asked"], report["victim"]["answered"]), (20, 20))
        self.assertGreaterEqual(report["victim"]["alarms"], 1)
        self.assertEqual(json.loads(printed[-1])["statistics"]["alarms"], report["victim"]["alarms"])

    def test_one_who_must_guess_the_port_as_well_does_not_even_annoy(self):
        self.serve("-q")
        report, _, _ = self.forge("flood", "--count", "20000", client=self.ask("--count", "20", "--interval", "20ms"))
        self.assertEqual((report["taken"], report["victim"]["answered"], report["client"]), (0, 20, "127.0.0.1"))
        self.assertGreater(report["choices"], 2.0**64)

    def test_a_flood_keeps_nobody_beyond_the_deadline(self):
        # A server that never answers, and a forger who never ends.
        silent = [sys.executable, "-c", "import socket, sys\n"
                  "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
                  "    s.bind(('127.0.0.1', 1060)); print('ready', flush=True); sys.stdin.read()"]
        server = self.enterContext(Process([*self.namespace.prefix, *silent], stdin=subprocess.PIPE))
        self.addCleanup(server.process.stdin.close)
        server.out.wait_for("ready")
        report, printed, complaints = self.forge(
            "flood", "--knows", "port,number", "--count", "4000000000",
            client=["ask", SERVER, "hello", "--deadline", "1s", "--first-wait", "100ms", "--json"])
        answer = json.loads(printed[0])
        self.assertEqual((answer["outcome"], report["taken"]), ("no_answer", 0))
        self.assertGreaterEqual(answer["attempts"], 2, "it went on asking meanwhile")
        self.assertGreater(answer["dropped"]["wrong_id"], 100)
        self.assertIn("alarm", complaints)


if __name__ == "__main__":
    holler_test.main()
