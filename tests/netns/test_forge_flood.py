"""holler forge flood: a million guesses at the speed of this machine, while real questions are asked and answered."""

import base64
import json
import subprocess
import sys

import holler_test
from forging import FORGED_V4, RIGHT_V4, SERVER, Forging, ForgingNames
from holler_test import HOLLER, Process


COUNT = 1_000_000


class Flooding(Forging):
    def while_flooded(self, server, *arguments, client):
        """What the forger reports, and what each of the clients said that ran until it had sent all."""
        with Process([*self.namespace.prefix, HOLLER, "forge", "flood", server, *arguments, "--count", str(COUNT),
                      "--json"]) as forger:
            runs = []
            while forger.process.poll() is None:
                run = self.namespace.run(*client)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                runs.append((json.loads(run.stdout), run.stderr))
            self.assertEqual(forger.wait(), 0)
            report = json.loads(forger.out.rest()[-1])["forge"]
        self.assertEqual(report["sent"], COUNT)
        return report, runs


class Floods(Flooding):
    def serve_nothing(self):
        """A server that never answers."""
        silent = [sys.executable, "-c", "import socket, sys\n"
                  "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n"
                  "    s.bind(('127.0.0.1', 1060)); print('ready', flush=True); sys.stdin.read()"]
        server = self.enterContext(Process([*self.namespace.prefix, *silent], stdin=subprocess.PIPE))
        self.addCleanup(server.process.stdin.close)
        server.out.wait_for("ready")

    def test_not_one_of_a_million_is_taken_while_real_answers_are(self):
        self.serve("-q")
        source = "127.0.0.1:40000"
        report, replies = self.while_flooded(SERVER, "--to", source, "--knows", "number",
                                             client=self.ask("--source", source))
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

    def test_the_naive_take_the_first_that_reaches_their_port(self):
        self.serve_nothing()
        for known in (("--knows", "port"), ()):  # 28,232 ports: none of a million meets it once in 10^15 runs
            report, printed, _ = self.forge("flood", *known, client=self.ask("--naive"), code=1)
            # The header as well: who checks nothing takes off nothing.
            self.assertTrue(base64.b64decode(json.loads(printed[0])["payload_base64"]).endswith(b"FAKE"))
            self.assertEqual((report["taken"], report["victim"]["dropped"], report["victim"]["alarms"]), (1, {}, 0))

    def test_a_flood_keeps_nobody_beyond_the_deadline(self):
        self.serve_nothing()  # and a forger who never ends
        report, printed, complaints = self.forge(
            "flood", "--knows", "port,number", "--count", "4000000000",
            client=["ask", SERVER, "hello", "--deadline", "1s", "--first-wait", "100ms", "--json"])
        answer = json.loads(printed[0])
        self.assertEqual((answer["outcome"], report["taken"]), ("no_answer", 0))
        self.assertGreaterEqual(answer["attempts"], 2, "it went on asking meanwhile")
        self.assertGreater(answer["dropped"]["wrong_id"], 100)
        self.assertIn("alarm", complaints)


class FloodsOfNames(Flooding, ForgingNames):
    def test_one_of_a_million_at_most_is_taken_by_who_asks_for_names(self):
        # A port and sixteen bits are 1.85 billion choices: one run in 1,850 or more sees a forgery taken, which is
        # what they are worth, and one in 6,800,000 two. All other answers have to be the real ones.
        self.port = self.name_server(delay=0.3)
        report, replies = self.while_flooded(f"127.0.0.1:{self.port}", client=self.dns())
        self.assertEqual((report["protocol"], report["client"]), ("dns", "127.0.0.1"))
        self.assertGreater(report["choices"], 65536 * 10000)
        self.assertLess(report["chance"], 1e-3)
        addresses = [[record["data"] for record in reply["answers"]] for reply, _ in replies]
        self.assertGreaterEqual(len(addresses), 3)
        self.assertLessEqual(addresses.count([FORGED_V4]), 1)
        self.assertEqual(len(addresses), addresses.count([RIGHT_V4]) + addresses.count([FORGED_V4]))
        # Some thirty guesses meet an open port, and are counted; none of these questions meets a hundred.
        self.assertGreaterEqual(sum(reply["dropped"].get("wrong_id", 0) for reply, _ in replies), 1)
        self.assertEqual({reply["alarms"] for reply, _ in replies}, {0})


if __name__ == "__main__":
    holler_test.main()
