"""big_sender, line by line (rows 81 to 83 of docs/chapter.md)."""
import os
import socket
import subprocess
import tempfile
import pathlib
import unittest

import chapter

IP_MTU, IPV6_MTU = 14, 24  # linux/in.h, linux/in6.h; Python's socket module does not name them


class BigSender(unittest.TestCase):
    def test_loopback_takes_the_datagram(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(chapter.PATIENCE_SECONDS)
            self.assertEqual(chapter.run("big_sender", "127.0.0.1", "-p", sock.getsockname()[1]),
                             (0, ["The big datagram was sent!"], ""))
            self.assertEqual(sock.recv(65535), b"#" * 65000)

    def test_help_and_usage(self):
        code, lines, _ = chapter.run("big_sender", "--help")
        self.assertEqual((code, lines[0]), (0, "usage: big_sender [-h] [-p PORT] host"))
        for bad in ([], ["127.0.0.1", "more"], ["127.0.0.1", "-p", "70000"]):
            self.assertEqual(chapter.run("big_sender", *bad)[0], 2)

    def test_a_system_that_cannot_tell_is_called_unsupported(self):
        """Compiled against headers without the option, the program says so instead of guessing."""
        with tempfile.TemporaryDirectory() as folder:
            fake = pathlib.Path(folder, "include", "netinet", "in.h")
            fake.parent.mkdir(parents=True)
            fake.write_text("#include_next <netinet/in.h>\n#undef IP_MTU\n")
            result = pathlib.Path(folder, "big_sender.s")
            subprocess.run([os.environ.get("HOLLER_CXX", "c++"), "-std=c++23", "-S", "-o", result,
                            "-I", fake.parents[1], "-I", chapter.SOURCE / "include", "-I", chapter.SOURCE,
                            chapter.SOURCE / "examples/big_sender.cpp"], check=True)
            self.assertIn("unsupported", result.read_text())
            self.assertNotIn("Alas", result.read_text())


class BigSenderOnALan(unittest.TestCase):
    def test_ethernet_does_not_take_it_and_its_mtu_is_told(self):
        here, _ = self.enterContext(chapter.lan(2))
        self.assertEqual(chapter.run("big_sender", "10.53.0.2", namespace=here),
                         (0, ["Alas, the datagram did not make it", "Actual MTU: 1500"], ""))

    def test_the_mtu_is_the_interfaces_not_a_constant(self):
        here, _ = self.enterContext(chapter.lan(2, mtu=1400))
        self.assertEqual(chapter.run("big_sender", "10.53.0.2", namespace=here)[1][1], "Actual MTU: 1400")

    def test_what_is_not_about_size_is_not_called_a_matter_of_size(self):
        code, lines, errors = chapter.run("big_sender", "10.99.0.1", namespace=self.enterContext(chapter.Namespace("offline")))
        self.assertEqual((code, lines), (4, []))
        self.assertIn("unreachable", errors.lower())


class Fragments(unittest.TestCase):
    def test_a_big_datagram_arrives_whole_though_it_travels_in_pieces(self):
        here, there = self.enterContext(chapter.lan(2))
        with chapter.program("udp_remote", "server", "10.53.0.2", namespace=there):
            before = chapter.count(here, "Ip", "FragCreates")
            with chapter.peer("ask", "10.53.0.2", 1060, "#" * 65000, 60, namespace=here) as asker:
                self.assertEqual(asker.event()["text"], "Your data was 65000 bytes long")
            pieces = chapter.count(here, "Ip", "FragCreates") - before
        # 65000 bytes and the UDP header, in pieces of 1480 bytes; asked as often as the server's coin wanted.
        self.assertEqual(pieces % 44, 0)
        self.assertGreaterEqual(pieces, 44)


class LoopbacksMtu(unittest.TestCase):
    def test_it_is_65536_and_ipv4_says_one_less(self):
        ask = ("import socket,sys; s = socket.socket(getattr(socket, sys.argv[1]), socket.SOCK_DGRAM);"
               "s.connect((sys.argv[2], 9)); print(s.getsockopt(int(sys.argv[3]), int(sys.argv[4])))")
        offline = self.enterContext(chapter.Namespace("offline"))
        for family, host, level, option, mtu in (("AF_INET", "127.0.0.1", socket.IPPROTO_IP, IP_MTU, 65535),
                                                 ("AF_INET6", "::1", socket.IPPROTO_IPV6, IPV6_MTU, 65536)):
            self.assertEqual(int(chapter.say_in(offline, "python3", "-c", ask, family, host, str(level),
                                                      str(option))), mtu)


if __name__ == "__main__":
    chapter.main()
