"""Interfaces that go down and up, addresses that vanish, routes that change, and a receive buffer that is flooded,
all while questions are under way: they are answered afterwards, or end with what is true."""

import json
import socket
import unittest

import holler_test
from holler_test import HOLLER, Namespace, Process, Server, run, run_program

PATIENT = ("--first-wait", "50ms", "--max-wait", "100ms", "--deadline", "60s", "--trace")


class UnderWay(unittest.TestCase):
    """A question whose server's cable is pulled, so that it is under way for as long as the test likes."""

    def setUp(self):
        self.near = self.enterContext(Namespace("near"))
        self.far = self.enterContext(Namespace("far"))
        for cable in (0, 1):
            self.near.ip(f"link add veth{cable} type veth peer name veth{cable} netns {self.far.name}")
            for number, namespace in ((1, self.near), (2, self.far)):
                namespace.ip(f"address add 192.0.{2 + cable}.{number}/24 dev veth{cable}")
                namespace.ip(f"link set veth{cable} up")
        self.server = self.enterContext(Server(address="0.0.0.0", prefix=self.far.prefix))

    def asking(self, address="192.0.2.2", options=PATIENT):
        asking = self.enterContext(Process([*self.near.prefix, HOLLER, "ask", f"{address}:{self.server.port}", "hello",
                                            *options]))
        asking.err.wait_for("attempt 2")
        return asking

    def expect_answer(self, asking):
        self.assertEqual(asking.wait(), 0, asking.err.rest())
        self.assertEqual(asking.out.rest(), ["Your data was 5 bytes long"])

    def test_outlives_the_servers_interface(self):
        self.far.ip("link set veth0 down")
        asking = self.asking()
        self.far.ip("link set veth0 up")
        self.expect_answer(asking)

    def test_outlives_the_clients_interface(self):
        self.far.ip("link set veth0 down")
        asking = self.asking()
        self.near.ip("link set veth0 down")
        asking.err.wait_for("send_failed")
        self.near.ip("link set veth0 up")
        self.far.ip("link set veth0 up")
        self.expect_answer(asking)

    def test_outlives_the_loss_of_its_address(self):
        self.far.ip("link set veth0 down")
        asking = self.asking()
        self.near.ip("address delete 192.0.2.1/24 dev veth0")
        asking.err.wait_for("send_failed")
        self.far.ip("link set veth0 up")
        self.near.ip("address add 192.0.2.1/24 dev veth0")
        self.expect_answer(asking)

    def test_whose_address_does_not_come_back_ends_by_its_deadline_without_a_spin(self):
        self.far.ip("link set veth0 down")
        asking = self.asking(options=("--first-wait", "50ms", "--max-wait", "100ms", "--deadline", "1s", "--trace"))
        self.near.ip("address delete 192.0.2.1/24 dev veth0")
        self.assertEqual(asking.wait(), 1)
        lines = asking.err.rest()
        self.assertIn("no answer from", lines[-1])
        self.assertLess(len(lines), 100)

    def test_follows_another_route(self):
        self.far.ip("address add 198.51.100.1/32 dev lo")
        self.near.ip("route add 198.51.100.1/32 via 192.0.2.2")
        self.far.ip("link set veth0 down")
        asking = self.asking("198.51.100.1")
        # Asked from the address that the first route chose, which the other end finds over the second cable too.
        self.far.ip("route add 192.0.2.1/32 via 192.0.3.1")
        for namespace in (self.near, self.far):
            run_program([*namespace.prefix, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                         "net.ipv4.conf.veth1.rp_filter=0"])
        self.near.ip("route replace 198.51.100.1/32 via 192.0.3.2")
        self.expect_answer(asking)

    def test_to_which_the_last_route_has_gone_is_told_of_it(self):
        self.far.ip("link set veth0 down")
        asking = self.asking(options=("--first-wait", "50ms", "--max-wait", "100ms", "--deadline", "1s", "--trace"))
        self.near.ip("link set veth0 down")
        self.assertEqual(asking.wait(), 1)
        self.assertRegex("\n".join(asking.err.rest()), "send_failed")
        again = self.near.run("ask", f"192.0.2.2:{self.server.port}", "hello")
        self.assertEqual(again.returncode, 4, "a new question cannot even begin")
        self.assertIn("unreachable from here", again.stderr)

    def test_two_hundred_questions_outlive_a_cable_that_is_pulled_four_times(self):
        asking = self.enterContext(Process([*self.near.prefix, HOLLER, "ask", f"192.0.2.2:{self.server.port}", "hello",
                                            "--count", "200", "--interval", "5ms", "--first-wait", "50ms", "--max-wait",
                                            "100ms", "--deadline", "60s", "--json"]))
        for answered in (20, 60, 100, 140):
            while len(asking.out.lines) < answered:
                asking.out.next()
            self.far.ip("link set veth0 down")
            holler_test.wait_until(lambda: "NO-CARRIER" in self.near_link(), "the cable is seen to be pulled")
            self.far.ip("link set veth0 up")
        self.assertEqual(asking.wait(), 0)
        ends = [json.loads(line) for line in asking.out.rest()][:200]
        self.assertEqual([end["outcome"] for end in ends], ["answered"] * 200)
        self.assertEqual({end["payload"] for end in ends}, {"Your data was 5 bytes long"})
        self.assertFalse([end for end in ends if end["maybe_repeated"]])

    def near_link(self):
        return run_program(["ip", "-n", self.near.name, "link", "show", "veth0"]).stdout


class FloodedBuffer(unittest.TestCase):
    DATAGRAMS = 3000

    def flood(self, *arguments):
        server = self.enterContext(Server("--receive-buffer", "4096", *arguments))
        server.pause()  # what comes now has 4 KiB to wait in
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(self.DATAGRAMS):
                sock.sendto(bytes(100), (server.address, int(server.port)))
        server.resume()
        result = run("ask", server.endpoint, "hello", "--json")  # is answered when all that has waited has been read
        self.assertEqual(result.returncode, 0, result.stderr)
        return server, json.loads(result.stdout)["attempts"]

    def test_what_the_kernel_drops_is_counted_and_with_the_rest_comes_to_what_was_sent(self):
        server, attempts = self.flood("--json")
        self.assertEqual(server.end(), 0)
        summary = server.events()[-1]
        self.assertGreater(summary["kernel_drops"], self.DATAGRAMS // 2)
        self.assertGreater(summary["received"], 1)
        self.assertEqual(summary["received"] + summary["kernel_drops"], self.DATAGRAMS + attempts)

    def test_the_summary_names_who_has_lost_them(self):
        server, _ = self.flood("--quiet")
        self.assertEqual(server.end(), 0)
        self.assertRegex(server.out.lines[-1], r"lost by the kernel [1-9]\d{3}$")


if __name__ == "__main__":
    holler_test.main()
