"""udp_broadcast on a bridge with three machines, line by line (rows 88 to 93 of docs/chapter.md)."""
import unittest

import chapter

SHOUT = "Broadcast datagram!"
FROM_ONE = r"The client at \('10\.53\.0\.1', \d+\) says: 'Broadcast datagram!'"


class Broadcast(unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.hosts = self.enterContext(chapter.lan(3))
        self.sender = self.hosts[0]

    def listen(self, host, namespace, name="udp_broadcast"):
        server = self.enterContext(chapter.program(name, "server", host, namespace=namespace))
        heading = "Listening for datagrams at" if name == "udp_broadcast" else "Listening at"
        server.match(rf"{heading} \('{(host or '0.0.0.0').replace('.', '[.]')}', 1060\)")
        return server

    def shout(self, network):
        self.assertEqual(chapter.run("udp_broadcast", "client", network, namespace=self.sender), (0, [], ""))

    def test_one_datagram_reaches_everybody_on_the_subnet(self):
        servers = [self.listen("", host) for host in self.hosts]
        before = chapter.datagrams_sent(self.sender)
        self.shout("10.53.0.255")
        for server in servers:
            server.match(FROM_ONE)
        self.assertEqual(chapter.datagrams_sent(self.sender) - before, 1)

    def test_to_one_address_it_is_an_ordinary_datagram(self):
        _, two, three = [self.listen("", host) for host in self.hosts]
        self.shout("10.53.0.2")
        two.match(FROM_ONE)
        self.shout("10.53.0.3")  # had the first one reached this machine as well, it would come first
        three.match(FROM_ONE)
        for server in (two, three):
            self.assertEqual(len(server.stop()[1]), 2)

    def test_the_limited_broadcast_address_has_a_name(self):
        servers = [self.listen("", host) for host in self.hosts[1:]]
        # Without a route for it, no interface is meant: the one route decides for all.
        self.sender.ip("route add default dev eth0")
        self.shout("<broadcast>")
        for server in servers:
            server.match(FROM_ONE)

    def test_a_server_on_every_address_hears_it_and_one_on_its_own_address_does_not(self):
        """The chapter has it that servers without the option never see a broadcast."""
        everywhere = self.listen("", self.hosts[1], "udp_remote")
        own = self.listen("10.53.0.3", self.hosts[2], "udp_remote")
        heard = False
        for _ in range(60):  # this server drops every second datagram
            self.shout("10.53.0.255")
            line = everywhere.line()
            self.assertRegex(line, r"^(The client at|Pretending to drop packet from) \('10\.53\.0\.1', \d+\)")
            heard = heard or line.endswith(f" says '{SHOUT}'")
            if heard:
                break
        self.assertTrue(heard)
        # A datagram of its own is the first that the other one hears.
        self.shout("10.53.0.3")
        own.line()
        self.assertEqual(len(own.stop()[1]), 2)

    def test_a_server_does_not_answer_a_shout(self):
        server = self.listen("", self.hosts[1], "udp_remote")
        before = chapter.datagrams_sent(self.hosts[1])
        for _ in range(20):
            self.shout("10.53.0.255")
            server.line()
        self.assertEqual(chapter.datagrams_sent(self.hosts[1]), before)

    def test_python_hears_our_shout_and_we_hear_pythons(self):
        theirs = self.enterContext(chapter.peer("listen", "", 1060, namespace=self.hosts[1]))
        self.assertEqual(theirs.event()["event"], "ready")
        ours = self.listen("", self.hosts[2])
        self.shout("10.53.0.255")
        self.assertEqual(theirs.event()["text"], SHOUT)
        ours.match(FROM_ONE)
        with chapter.peer("shout", "10.53.0.255", 1060, "Hear ye", namespace=self.sender) as crier:
            self.assertEqual(crier.result()[0], 0)
        ours.match(r"The client at \('10\.53\.0\.1', \d+\) says: 'Hear ye'")

    def test_sending_needs_the_permission_that_hearing_does_not(self):
        """The Python listener above sets no option; a sender without it is turned away by the kernel."""
        code = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                "s.sendto(b'x', ('10.53.0.255', 1060))")
        with chapter.Running(["python3", "-c", code], self.sender) as crier:
            status, _, errors = crier.result()
        self.assertEqual(status, 1)
        self.assertIn("PermissionError", errors)


if __name__ == "__main__":
    chapter.main()
