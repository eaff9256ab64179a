"""What `holler ask` says where the server is killed and started again while it asks."""

import json
import signal
import unittest

import holler_test
from holler_test import HOLLER, Process, Server


class Restarted(unittest.TestCase):
    def asking(self, server, *options):
        return self.enterContext(Process([HOLLER, "ask", server.endpoint, "hello", "--first-wait", "50ms", "--max-wait",
                                          "100ms", "--deadline", "60s", *options]))

    def restart_under(self, *options):
        """The server is killed when it has begun its work, and another is there when the client looks again."""
        with Server("--delay", "1h") as former:
            asking = self.asking(former, "--trace", *options)
            asking.err.wait_for("it is working on it")
            asking.pause()
            former.send_signal(signal.SIGKILL)
            former.wait()
            with Server(port=former.port):
                asking.resume()
                status = asking.wait()
        return status, "\n".join(asking.out.rest()), "\n".join(asking.err.rest())

    def test_the_outcome_is_unknown(self):
        status, out, err = self.restart_under()
        self.assertEqual((status, out), (6, ""), err)
        self.assertRegex(err, r"(?m)^ +[\d.]+  received .* it has been restarted since we heard of it$")
        self.assertRegex(err, r"unknown outcome: 127\.0\.0\.1:\d+ has been restarted .* may have done this or not")

    def test_the_outcome_is_unknown_in_json(self):
        status, out, err = self.restart_under("--json")
        reply = json.loads(out)
        self.assertEqual((status, reply["outcome"], reply["maybe_done"], reply["maybe_repeated"]),
                         (6, "unknown", True, False), err)

    def test_what_is_repeatable_is_asked_again_and_the_answer_flagged(self):
        status, out, err = self.restart_under("--repeatable")
        self.assertEqual((status, out), (0, "Your data was 5 bytes long"), err)
        self.assertRegex(err, "an earlier server there may have done this too")

    def test_what_is_repeatable_is_flagged_in_json(self):
        _, out, err = self.restart_under("--repeatable", "--json")
        reply = json.loads(out)
        self.assertEqual((reply["outcome"], reply["maybe_repeated"]), ("answered", True), err)

    def test_a_server_that_was_restarted_between_two_questions_answers_the_second_once_it_knows_better(self):
        with Server() as former:
            asking = self.asking(former, "--count", "2", "--interval", "3s", "--json")
            asking.out.wait_for("answered")
            asking.pause()
            former.end()
            with Server("--json", port=former.port) as server:
                asking.resume()
                self.assertEqual(asking.wait(), 0)
                server.end()
        second = json.loads(asking.out.rest()[1])
        self.assertEqual((second["outcome"], second["attempts"], second["maybe_repeated"]), ("answered", 2, False))
        summary = server.events()[-1]
        self.assertEqual((summary["requests"], summary["restarted"]), (1, 1))


if __name__ == "__main__":
    holler_test.main()
