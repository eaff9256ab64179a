"""The exchange engine in a loop of somebody else's making (examples/foreign_loop.cpp)."""
import unittest

import chapter
import holler_test
from udp_peer import UdpPeer


class LossyLine(UdpPeer):
    """Carries datagrams between one client and a server, and loses the first three."""

    def __init__(self, server_port):
        super().__init__()
        self.server = ("127.0.0.1", server_port)
        self.client = None
        self.lost = 0

    def hear(self, data, source):
        if source != self.server:
            self.client = source
        if self.lost < 3:
            self.lost += 1
        else:
            self.socket.sendto(data, self.client if source == self.server else self.server)


class ForeignLoop(unittest.TestCase):
    def setUp(self):
        self.server = self.enterContext(chapter.program("foreign_loop", "server", "127.0.0.1:0"))
        self.port = int(self.server.match(r"listening at 127\.0\.0\.1:(\d+)")[1])

    def test_every_question_gets_its_own_answer(self):
        questions = [f"question {number}" for number in range(50)]
        code, lines, errors = chapter.run("foreign_loop", "client", f"127.0.0.1:{self.port}", *questions)
        self.assertEqual(code, 0, errors)
        self.assertEqual(sorted(lines), sorted(question.upper() for question in questions))

    def test_what_is_lost_is_asked_again(self):
        with LossyLine(self.port) as line:
            code, lines, errors = chapter.run("foreign_loop", "client", f"127.0.0.1:{line.port}", "one", "two")
        self.assertEqual((code, sorted(lines)), (0, ["ONE", "TWO"]), errors)
        self.assertRegex(errors, "answered, [3-9] transmissions")

    def test_a_dead_port_refuses(self):
        code, lines, errors = chapter.run("foreign_loop", "client", f"127.0.0.1:{chapter.free_port()}", "anyone?")
        self.assertEqual((code, lines), (1, []))
        self.assertIn("refused", errors)

    def test_the_command_and_the_loop_understand_each_other(self):
        answer = holler_test.run("ask", f"127.0.0.1:{self.port}", "hello")
        self.assertEqual((answer.returncode, answer.stdout.strip()), (0, "HELLO"), answer.stderr)
        with holler_test.Server() as server:
            code, lines, errors = chapter.run("foreign_loop", "client", server.endpoint, "hello")
        self.assertEqual((code, lines), (0, ["Your data was 5 bytes long"]), errors)

    def test_usage(self):
        for bad in ([], ["server"], ["client", "127.0.0.1"], ["king", "127.0.0.1", "x"]):
            self.assertEqual(chapter.run("foreign_loop", *bad)[0], 2)


if __name__ == "__main__":
    chapter.main()
