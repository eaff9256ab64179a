"""A stranger answers in the server's place: the chapter's danger, and what is done about it."""

import json
import re
import socket
import unittest

import holler_test
from holler_test import HOLLER, Process, Server


class Strangers(unittest.TestCase):
    def ask_while_a_stranger_answers(self, *arguments, forgeries=3):
        """Asks a stopped server; while it is stopped, a stranger sends FAKE to whoever asked.

        Yields the asker once the fakes are on their way.
        """
        server = self.enterContext(Server())
        server.pause()
        asker = self.enterContext(Process(
            [HOLLER, "ask", server.endpoint, "hello", "--first-wait", "100ms", "--deadline", "60s", "--trace", *arguments]))
        local = asker.err.wait_for(r"attempt 1 from (\S+),").group(1)
        address, port = local.rsplit(":", 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(forgeries):
                stranger.sendto(b"FAKE", (address, int(port)))
            self.assertNotEqual(stranger.getsockname()[1], int(server.port))
        return server, asker

    def drops_fakes(self, reason, *arguments):
        server, asker = self.ask_while_a_stranger_answers("--json", *arguments, forgeries=3)
        for _ in range(3):
            asker.err.wait_for(rf"dropped .* 4  {reason}")
        server.resume()
        self.assertEqual(asker.wait(), 0)
        reply = json.loads(asker.out.rest()[0])
        self.assertEqual(reply["payload"], "Your data was 5 bytes long")
        self.assertEqual(reply["peer"], server.endpoint)
        self.assertEqual(reply["dropped"], {reason: 3})

    def test_fakes_are_dropped_and_counted_and_the_real_reply_is_taken(self):
        self.drops_fakes("foreign")

    def test_without_a_protocol_the_source_tells_a_fake(self):
        self.drops_fakes("wrong_source", "--as", "plain")

    def test_the_naive_take_the_fake(self):
        server, asker = self.ask_while_a_stranger_answers("--naive", forgeries=1)
        self.assertEqual(asker.wait(), 0)
        self.assertEqual(asker.out.rest(), ["FAKE"])
        # The one who answered is named, and it is not the server.
        answered = re.search(r"^(\S+) answered in", "\n".join(asker.err.rest()), re.MULTILINE)
        self.assertNotEqual(answered.group(1), server.endpoint)

    def test_a_stopped_server_is_no_answer_by_the_deadline(self):
        with Server() as server:
            server.pause()
            result = holler_test.run("ask", server.endpoint, "hello", "--first-wait", "50ms", "--deadline", "300ms")
            self.assertEqual(result.returncode, 1)
            self.assertIn("asking again", result.stderr)
            server.resume()
            # What had queued up meanwhile goes to an asker who has left; the next one is served.
            self.assertEqual(holler_test.run("ask", server.endpoint, "hello").returncode, 0)
            self.assertEqual(server.end(), 0)


if __name__ == "__main__":
    holler_test.main()
