"""`holler serve --drop`: loss that can be had again."""

import re
import socket
import unittest

import holler_test
from holler_test import Server


class Drop(unittest.TestCase):
    def pattern(self, *arguments, datagrams=200):
        """Which of the datagrams were dropped, as a string of D (dropped) and a (answered)."""
        with Server(*arguments) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(datagrams):
                sock.sendto(b"x", ("127.0.0.1", int(server.port)))
                server.out.wait_for(" (request|dropped) ")
            server.end()
            lines = [line for line in server.out.lines if re.search("  (request|dropped)  ", line)]
            return "".join("D" if " dropped " in line else "a" for line in lines), server.out.lines[0]

    def test_a_seed_drops_the_same_datagrams_again(self):
        first, _ = self.pattern("--drop", "50%", "--seed", "1")
        again, _ = self.pattern("--drop", "50%", "--seed", "1")
        other, _ = self.pattern("--drop", "50%", "--seed", "2")
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        self.assertTrue(60 < first.count("D") < 140, first)

    def test_without_a_seed_one_is_chosen_and_shown(self):
        first, line = self.pattern("--drop", "50%")
        seed = re.search(r"--seed (\d+)", line).group(1)
        again, _ = self.pattern("--drop", "50%", "--seed", seed)
        self.assertEqual(first, again)

    def test_shares_may_be_fractions(self):
        for share in ("12.5%", "0.125"):
            pattern, _ = self.pattern("--drop", share, "--seed", "1")
            self.assertTrue(10 <= pattern.count("D") <= 45, pattern)
        self.assertEqual(self.pattern("--drop", "12.5%", "--seed", "1")[0], self.pattern("--drop", "0.125", "--seed", "1")[0])

    def test_none_and_all_are_shares_too(self):
        self.assertEqual(self.pattern("--drop", "0%", datagrams=20)[0], "a" * 20)
        self.assertEqual(self.pattern("--drop", "100%", datagrams=20)[0], "D" * 20)


if __name__ == "__main__":
    holler_test.main()
