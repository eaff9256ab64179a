"""holler forge flood: a million guesses at the speed of this machine, while real questions are asked and answered."""

import json

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


if __name__ == "__main__":
    holler_test.main()
