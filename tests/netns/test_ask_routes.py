"""`holler ask` where routes and interfaces decide: what cannot leave here is a local failure, what a host on the
way says is said, and a link-local peer is found on the interface that was named.
"""

import json
import unittest

import holler_test
from holler_test import Namespace, Server


class Routes(unittest.TestCase):
    def setUp(self):
        self.near = self.enterContext(Namespace("near"))
        self.far = self.enterContext(Namespace("far"))
        self.near.ip(f"link add veth0 type veth peer name veth0 netns {self.far.name}")
        for number, namespace in ((1, self.near), (2, self.far)):
            namespace.ip(f"address add 192.0.2.{number}/24 dev veth0")
            namespace.ip(f"-6 address add fe80::{number}/64 dev veth0 nodad")
            namespace.ip("link set veth0 up")

    def ask(self, *arguments):
        return self.near.run("ask", *arguments)

    def test_a_blackhole_route_is_a_local_failure(self):
        self.near.ip("route add blackhole 198.51.100.0/24")
        result = self.ask("198.51.100.1", "hello")
        self.assertEqual(result.returncode, 4)
        self.assertRegex(result.stderr, r"198\.51\.100\.1:1060: unreachable from here; .*ip route get")

    def test_a_source_that_cannot_reach_the_peer_is_a_local_failure(self):
        result = self.ask("192.0.2.2", "hello", "--source", "127.0.0.1", "--json")
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertEqual(json.loads(result.stdout)["outcome"], "unreachable")

    def test_a_link_local_group_needs_its_interface(self):
        result = self.ask("ff02::1", "hello")
        self.assertEqual(result.returncode, 2)
        self.assertIn("needs its interface", result.stderr)

    def test_a_link_local_peer_is_on_the_interface_that_was_named(self):
        with Server(address="", prefix=self.far.prefix) as server:
            for arguments in ((f"[fe80::2%veth0]:{server.port}",),
                              (f"[fe80::2]:{server.port}", "--interface", "veth0")):
                with self.subTest(arguments):
                    result = self.ask(*arguments, "hello")
                    self.assertEqual(result.stdout, "Your data was 5 bytes long", result.stderr)

    def test_what_a_host_on_the_way_says_is_said(self):
        self.near.ip("route add 198.51.100.0/24 via 192.0.2.2")
        self.far.ip("route add unreachable 198.51.100.0/24")
        holler_test.run_program([*self.far.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1"])
        result = self.ask("198.51.100.1", "hello", "--deadline", "1s")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"no answer from .*; a host on the way says that it cannot be reached "
                                        r"at the moment \(No route to host\)")


if __name__ == "__main__":
    holler_test.main()
