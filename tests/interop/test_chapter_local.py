"""udp_local, line by line (rows 22 to 33 of docs/chapter.md), against itself and against Python."""
import pathlib
import re
import signal
import socket
import unittest

import chapter

NUMBER = r"(\d+)"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"


def start_server(port, namespace=None, *options):
    server = chapter.program("udp_local", "server", *options, *(("-p", str(port)) if port else ()),
                             namespace=namespace)
    server.match(rf"Listening at \('127\.0\.0\.1', {port or 1060}\)")
    return server


class Conversation(unittest.TestCase):
    def test_client_and_server_print_what_the_listing_prints(self):
        port = chapter.free_port()
        with start_server(port) as server:
            for _ in range(2):
                with chapter.program("udp_local", "client", "-p", port) as client:
                    mine = client.match(rf"The OS assigned me the address \('0\.0\.0\.0', {NUMBER}\)")[1]
                    client.match(rf"The server \('127\.0\.0\.1', {port}\) replied 'Your data was 38 bytes long'")
                    self.assertEqual(client.result()[0], 0)
                # Read from a pipe while the server still runs: its lines come one by one, not when it ends.
                server.match(rf"The client at \('127\.0\.0\.1', {mine}\) says 'The time is {TIME}'")

    def test_the_clients_port_comes_from_the_systems_own_range(self):
        low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
        port = chapter.free_port()
        with start_server(port), chapter.program("udp_local", "client", "-p", port) as client:
            mine = int(client.match(rf"The OS assigned me the address \('0\.0\.0\.0', {NUMBER}\)")[1])
        self.assertTrue(low <= mine <= high, f"{mine} is not in {low}..{high}")

    def test_a_python_client_is_answered(self):
        port = chapter.free_port()
        with start_server(port) as server, chapter.peer("ask", "127.0.0.1", port, "Is anybody there?") as client:
            answer = client.event()
            self.assertEqual(answer["text"], "Your data was 17 bytes long")
            server.match(rf"The client at \('127\.0\.0\.1', {answer['local'][1]}\) says 'Is anybody there\?'")

    def test_a_python_server_answers_our_client(self):
        with chapter.peer("answer", "127.0.0.1", 0) as server:
            port = server.event()["local"][1]
            with chapter.program("udp_local", "client", "-p", port) as client:
                client.match(rf"The OS assigned me the address \('0\.0\.0\.0', {NUMBER}\)")
                client.match(rf"The server \('127\.0\.0\.1', {port}\) replied 'Your data was 38 bytes long'")
            self.assertRegex(server.event()["text"], rf"^The time is {TIME}$")

    def test_no_byte_kills_the_server_or_reaches_the_terminal(self):
        port = chapter.free_port()
        with start_server(port) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", port))
            sock.settimeout(chapter.PATIENCE_SECONDS)
            for data, shown in ((b"\xff", r"'\xff'"), (b"\x1b[2J", r"'\x1b[2J'"), (b"", "''"), (b"it's", '"it\'s"'),
                                (b"'\"\n\\", r"""'\'"\n\\'"""), (b"\x00", r"'\x00'")):
                sock.send(data)
                self.assertEqual(sock.recv(65535), b"Your data was %d bytes long" % len(data))
                server.match(rf"The client at \('127\.0\.0\.1', \d+\) says {re.escape(shown)}")
            sock.send(b"\x80" * 65507)
            self.assertEqual(sock.recv(65535), b"Your data was 65507 bytes long")


class Strangers(unittest.TestCase):
    def fake(self, *options):
        """A client of a server that does not answer, and what it says when a stranger writes FAKE."""
        server = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))
        server.settimeout(chapter.PATIENCE_SECONDS)
        stranger = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        stranger.bind(("127.0.0.1", 0))
        client = self.enterContext(chapter.program("udp_local", "client", *options, "-p", server.getsockname()[1]))
        mine = int(client.match(rf"The OS assigned me the address \('0\.0\.0\.0', {NUMBER}\)")[1])
        self.assertEqual(server.recvfrom(65535)[1][1], mine)
        stranger.sendto(b"FAKE", ("127.0.0.1", mine))
        server.sendto(b"REAL", ("127.0.0.1", mine))
        return client, server.getsockname()[1], stranger.getsockname()[1]

    def test_the_naive_client_believes_whoever_answers_first(self):
        client, _, stranger = self.fake("--naive")
        client.match(rf"The server \('127\.0\.0\.1', {stranger}\) replied 'FAKE'")
        self.assertEqual(client.result()[0], 0)

    def test_the_client_waits_for_the_endpoint_that_it_asked(self):
        client, server, _ = self.fake()
        client.match(rf"The server \('127\.0\.0\.1', {server}\) replied 'REAL'")
        self.assertEqual(client.result()[0], 0)

    def test_an_answer_to_a_client_that_has_gone_does_not_stop_the_server(self):
        port = chapter.free_port()
        with start_server(port) as server:
            server.process.send_signal(signal.SIGSTOP)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
                gone.sendto(b"too late", ("127.0.0.1", port))
            server.process.send_signal(signal.SIGCONT)
            server.match(r"The client at \('127\.0\.0\.1', \d+\) says 'too late'")
            for _ in range(3):
                self.assertEqual(chapter.run("udp_local", "client", "-p", port)[0], 0)


class Ends(unittest.TestCase):
    def test_signals_end_the_server_and_the_port_is_free_at_once(self):
        port = chapter.free_port()
        for number in (signal.SIGINT, signal.SIGTERM):
            with start_server(port) as server:
                self.assertEqual(server.stop(number)[0], 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", port))

    def test_a_second_copy_is_told_that_the_address_is_in_use(self):
        port = chapter.free_port()
        with start_server(port):
            code, lines, errors = chapter.run("udp_local", "server", "-p", port)
        self.assertEqual((code, lines), (4, []))
        self.assertTrue(errors.startswith("OSError: [Errno 98] Address already in use\n"), errors)
        self.assertIn(f"127.0.0.1:{port}", errors)

    def test_a_client_without_a_server_is_refused_at_once(self):
        code, _, errors = chapter.run("udp_local", "client", "-p", chapter.free_port())
        self.assertEqual(code, 3)
        self.assertTrue(errors.startswith("ConnectionRefusedError: [Errno 111] Connection refused\n"), errors)

    def test_roles_help_and_usage_errors(self):
        for name, words in (("udp_local", []), ("udp_remote", ["127.0.0.1"]), ("udp_broadcast", ["127.0.0.1"])):
            for option in ("-h", "--help"):
                code, lines, errors = chapter.run(name, option)
                self.assertEqual((code, errors), (0, ""))
                self.assertRegex(lines[0], rf"^usage: {name} \[-h\] \[-p PORT\].* {{client,server}}")
                self.assertIn("exit codes", "\n".join(lines))
            for bad in ([], ["king", *words], ["server", *words, "more"], ["server", *words, "-p"],
                        ["server", *words, "-p", "65536"], ["server", *words, "-p", "12x"],
                        ["server", *words, "-p", "-1"], ["server", *words, "--no-such-option"]):
                code, lines, errors = chapter.run(name, *bad)
                self.assertEqual((code, lines), (2, []), f"{name} {bad}: {errors}")
                self.assertRegex(errors, rf"^usage: {name} [^\n]*\n{name}: error: .")

    def test_an_unknown_service_name_is_a_usage_error(self):
        code, _, errors = chapter.run("udp_local", "server", "-p", "no-such-service")
        self.assertEqual(code, 2)
        self.assertIn("no-such-service", errors)


class OfflineTest(unittest.TestCase):
    def test_it_works_where_there_is_only_a_loopback_interface(self):
        offline = self.enterContext(chapter.Namespace("offline"))
        with start_server(None, offline) as server:
            code, lines, _ = chapter.run("udp_local", "client", namespace=offline)
            self.assertEqual(code, 0)
            self.assertEqual(lines[1], "The server ('127.0.0.1', 1060) replied 'Your data was 38 bytes long'")
            server.match(rf"The client at \('127\.0\.0\.1', \d+\) says 'The time is {TIME}'")

    def test_a_service_name_is_a_port(self):
        with chapter.program("udp_local", "server", "-p", "domain", namespace=self.enterContext(chapter.Namespace("offline"))) as server:
            server.match(r"Listening at \('127\.0\.0\.1', 53\)")


if __name__ == "__main__":
    chapter.main()
