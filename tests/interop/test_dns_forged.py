"""holler dns among forgers: what is not the answer is ignored and counted, and the answer is found."""

import json
import socket
import struct
import unittest

import dns_server
import holler_test
from dns_server import reply_to

RIGHT = "192.0.2.1"
WRONG = "203.0.113.66"

# However slow the machine is, a query that is answered is sent once, so that counts are exact.
NO_REPEATS = ["--first-wait", "20s", "--deadline", "50s"]


def altered_question(query, *, name=None, record_type=1, record_class=1):
    name_bytes = dns_server.question_of(query)[:-4] if name is None else dns_server.encode_name(name)
    return name_bytes + struct.pack("!HH", record_type, record_class)


def send_from_elsewhere(query, peer):
    """A reply that is right in all but the port that it comes from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.sendto(reply_to(query, address=WRONG), peer)


def send_from_another_address(query, peer, port):
    """A reply from the right port of another address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", port))
        other.sendto(reply_to(query, address=WRONG), peer)


class DnsAmongForgers(unittest.TestCase):
    def ask(self, answer, *arguments, code=0):
        """What `holler dns --json` says of a server that answers with `answer(socket, query, peer)`."""
        with dns_server.ScriptedServer(answer) as server:
            result = holler_test.run("dns", "guinness.example", f"@127.0.0.1:{server.port}", "--json",
                                     *(arguments or NO_REPEATS))
            self.assertEqual(result.returncode, code, result.stdout + result.stderr)
            return json.loads(result.stdout), server

    def assert_right(self, found, dropped):
        self.assertEqual([record["data"] for record in found["answers"]], [RIGHT])
        self.assertEqual(found["dropped"], dropped)

    def test_every_kind_of_forgery_is_dropped_and_counted(self):
        def answer(sock, query, peer):
            identity = struct.unpack("!H", query[:2])[0]
            sock.sendto(reply_to(query, identity=identity ^ 1, address=WRONG), peer)
            sock.sendto(reply_to(query, identity=identity ^ 0x8000, address=WRONG), peer)
            send_from_elsewhere(query, peer)
            question = altered_question(query, name="guinness.test")
            sock.sendto(reply_to(query, question=question, address=WRONG), peer)
            sock.sendto(b"FAKE", peer)
            sock.sendto(reply_to(query, address=RIGHT), peer)

        found, server = self.ask(answer)
        self.assert_right(found, {"malformed": 1, "wrong_source": 1, "wrong_id": 2, "wrong_question": 1})
        self.assertEqual(found["attempts"], 1)
        self.assertEqual(len(server.queries), 1)

    def test_the_right_port_of_another_address_is_a_wrong_source(self):
        def answer(sock, query, peer):
            send_from_another_address(query, peer, sock.getsockname()[1])
            sock.sendto(reply_to(query, address=RIGHT), peer)

        found, _ = self.ask(answer)
        self.assert_right(found, {"wrong_source": 1})

    def test_a_reply_must_repeat_name_type_and_class(self):
        def answer(sock, query, peer):
            for question in [altered_question(query, name="uinness.example"), altered_question(query, record_type=28),
                             altered_question(query, record_class=3)]:
                sock.sendto(reply_to(query, question=question, address=WRONG), peer)
            sock.sendto(reply_to(query, question=b"", count=0), peer)
            sock.sendto(reply_to(query, address=RIGHT), peer)

        found, _ = self.ask(answer)
        self.assert_right(found, {"wrong_question": 4})

    def test_the_case_of_letters_does_not_matter(self):
        def answer(sock, query, peer):
            sock.sendto(reply_to(query, question=altered_question(query, name="GUINNESS.Example")), peer)

        found, _ = self.ask(answer)
        self.assert_right(found, {})

    def test_malformed_replies_are_no_answers(self):
        def answer(sock, query, peer):
            good = reply_to(query, address=WRONG)
            sock.sendto(b"", peer)
            sock.sendto(query, peer)  # our own query, as an echo server returns it
            sock.sendto(good[:11], peer)
            sock.sendto(good[:-1], peer)
            loop = bytearray(good)
            loop[-16:-14] = struct.pack("!H", 0xC000 | len(good) - 16)  # a name that points to itself
            sock.sendto(loop, peer)
            sock.sendto(good[:6] + b"\xff\xff" + good[8:], peer)  # 65535 answers
            sock.sendto(reply_to(query, address=RIGHT), peer)

        found, _ = self.ask(answer)
        self.assert_right(found, {"malformed": 6})

    def test_forgeries_alone_are_no_answer(self):
        def answer(sock, query, peer):
            sock.sendto(reply_to(query, identity=struct.unpack("!H", query[:2])[0] ^ 1, address=WRONG), peer)

        found, _ = self.ask(answer, "--attempts", "2", "--first-wait", "50ms", code=1)
        self.assertEqual(found["outcome"], "no_answer")
        self.assertEqual(found["dropped"], {"wrong_id": 2})
        self.assertEqual(found["attempts"], 2)

    def test_forgeries_are_mentioned_beside_the_answer(self):
        def answer(sock, query, peer):
            send_from_elsewhere(query, peer)
            sock.sendto(reply_to(query), peer)

        with dns_server.ScriptedServer(answer) as server:
            result = holler_test.run("dns", "guinness.example", f"@127.0.0.1:{server.port}", "--short")
        self.assertEqual((result.returncode, result.stdout), (0, RIGHT + "\n"))
        self.assertRegex(result.stderr, r"(?m)^;; dropped 1 datagram .*wrong_source 1$")

    def test_a_lost_query_is_repeated_with_the_same_id_and_question(self):
        def answer(sock, query, peer):
            if len(server.queries) == 3:
                sock.sendto(reply_to(query), peer)

        with dns_server.ScriptedServer(answer) as server:
            result = holler_test.run("dns", "guinness.example", f"@127.0.0.1:{server.port}", "--json",
                                     "--first-wait", "20ms")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assert_right(json.loads(result.stdout), {})
            self.assertEqual(json.loads(result.stdout)["attempts"], 3)
            self.assertEqual(len(set(server.queries)), 1)

    def test_every_question_has_a_port_and_an_id_of_its_own(self):
        def answer(sock, query, peer):
            sock.sendto(reply_to(query), peer)

        with dns_server.ScriptedServer(answer) as server:
            for _ in range(8):
                result = holler_test.run("dns", "guinness.example", f"@127.0.0.1:{server.port}", "--short")
                self.assertEqual(result.stdout, RIGHT + "\n", result.stderr)
            # Eight random ports, or IDs, are all different but for one run in a thousand; six are for sure.
            self.assertGreaterEqual(len(set(server.client_ports)), 6)
            self.assertGreaterEqual(len({query[:2] for query in server.queries}), 6)

    def test_queries_are_what_servers_expect(self):
        def answer(sock, query, peer):
            sock.sendto(reply_to(query), peer)

        _, server = self.ask(answer)
        name = b"\x08guinness\x07example\0"
        expected = b"\x01\x00\0\x01\0\0\0\0\0\x01" + name + b"\0\x01\0\x01" + b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
        self.assertEqual(server.queries[0][2:], expected)

    def test_a_dead_port_is_refused(self):
        result = holler_test.run("dns", "guinness.example", f"@127.0.0.1:{holler_test.free_port()}")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertEqual(result.stdout, "")

    def test_a_silent_server_is_no_answer(self):
        with holler_test.silent_peer() as peer:
            result = holler_test.run("dns", "guinness.example", f"@127.0.0.1:{peer.getsockname()[1]}",
                                     "--deadline", "300ms", "--first-wait", "100ms")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("no answer", result.stderr)

    def test_an_interrupt_ends_it(self):
        with holler_test.silent_peer() as peer:
            server = f"@127.0.0.1:{peer.getsockname()[1]}"
            with holler_test.Process([holler_test.HOLLER, "dns", "guinness.example", server]) as process:
                peer.recv(512)
                self.assertEqual(process.end(), 130)

    def test_error_codes_of_servers_are_answers(self):
        for rcode, name in [(1, "FORMERR"), (2, "SERVFAIL"), (4, "NOTIMP"), (5, "REFUSED"), (9, "NOTAUTH")]:
            for with_question in (True, False):
                def answer(sock, query, peer, rcode=rcode, with_question=with_question):
                    question = None if with_question else b""
                    sock.sendto(reply_to(query, question=question, flags=0x8180 | rcode, count=0), peer)

                with self.subTest(rcode=name, with_question=with_question):
                    found, _ = self.ask(answer)
                    self.assertEqual((found["outcome"], found["status"]), ("answered", name))


class DnsUsage(unittest.TestCase):
    def assert_usage(self, reason, *arguments):
        result = holler_test.run("dns", *arguments)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertIn(reason, result.stderr)

    def test_nonsense_is_a_usage_error_with_a_reason(self):
        for reason, arguments in [
            ("NAME is missing", []),
            ("NAME is missing", ["@127.0.0.1"]),
            ("'WHAT' is not a record type", ["guinness.example", "WHAT"]),
            ("'TYPE65536' is not a record type", ["guinness.example", "TYPE65536"]),
            ("'AAAA' is a second type", ["guinness.example", "A", "AAAA"]),
            ("AXFR transfers a zone over TCP", ["guinness.example", "AXFR"]),
            ("nothing between two of its dots", ["guinness..example"]),
            ("more than 63 bytes", ["x" * 64 + ".example"]),
            ("longer than 255 bytes", [".".join(["x" * 60] * 5)]),
            ("not ASCII", ["m\u00fcnchen.example"]),
            ("-x wants an address", ["-x", "guinness.example"]),
            ("no server behind the @", ["guinness.example", "@"]),
            ("two servers", ["guinness.example", "@127.0.0.1", "@127.0.0.2"]),
            ("port is given twice", ["guinness.example", "@127.0.0.1:53", "-p", "54"]),
            ("65536", ["guinness.example", "@127.0.0.1", "-p", "65536"]),
            ("12x", ["guinness.example", "@127.0.0.1:12x"]),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_usage(reason, *arguments)

    def test_a_server_that_does_not_exist_is_a_local_failure(self):
        result = holler_test.run("dns", "guinness.example", "@nobody.invalid", "--deadline", "2s")
        self.assertEqual(result.returncode, 4, result.stderr)


if __name__ == "__main__":
    holler_test.main()
