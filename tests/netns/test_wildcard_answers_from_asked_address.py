"""A server on every address answers from the one that was asked (lab: a naive one does not)."""

import json
import unittest

import holler_test
from holler_test import Namespace, Process, Server


class Wildcard(unittest.TestCase):
    ADDRESSES = ["192.0.2.1", "192.0.2.2", "[2001:db8::1]", "[2001:db8::2]"]

    def setUp(self):
        self.servers = self.enterContext(Namespace("server"))
        self.askers = self.enterContext(Namespace("asker"))
        self.servers.ip(f"link add veth0 type veth peer name veth0 netns {self.askers.name}")
        for namespace, hosts in ((self.servers, (1, 2)), (self.askers, (9,))):
            for host in hosts:
                namespace.ip(f"address add 192.0.2.{host}/24 dev veth0")
                namespace.ip(f"-6 address add 2001:db8::{host}/64 dev veth0 nodad")
            namespace.ip("link set veth0 up")

    def test_the_answer_comes_from_the_asked_address(self):
        with Server("--reply", "asked {text}", "--json", address="", port="1060", prefix=self.servers.prefix) as server:
            for address in self.ADDRESSES:
                with self.subTest(address):
                    # The asker takes an answer from nobody else.
                    result = self.askers.run("ask", address, address, "--json")
                    reply = json.loads(result.stdout)
                    self.assertEqual((reply["outcome"], reply["dropped"]), ("answered", {}))
                    self.assertEqual(reply["peer"], f"{address}:1060")
                    self.assertEqual(reply["payload"], f"asked {address}")
            server.end()
            self.assertEqual([event["to"] for event in server.events() if event["event"] == "request"],
                             [f"{address}:1060" for address in self.ADDRESSES])

    def test_so_it_is_for_plain_datagrams_and_for_ipv4_alone(self):
        with Server("--quiet", address="0.0.0.0", port="1060", prefix=self.servers.prefix):
            for address in self.ADDRESSES[:2]:
                result = self.askers.run("ask", address, "hello", "--as", "plain", "--json")
                self.assertEqual(json.loads(result.stdout)["peer"], f"{address}:1060")

    def test_an_asker_on_the_same_machine_sees_the_same(self):
        with Server("--quiet", address="", port="1060", prefix=self.servers.prefix):
            for address in [*self.ADDRESSES, "127.0.0.1", "127.0.0.2", "[::1]"]:
                result = self.servers.run("ask", address, "hello", "--json")
                self.assertEqual(json.loads(result.stdout)["peer"], f"{address}:1060")


if __name__ == "__main__":
    holler_test.main()
