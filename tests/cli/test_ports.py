"""`holler ports`: what is known of ports."""

import json
import pathlib
import unittest

import holler_test
from holler_test import run


def pool():
    first, last = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return int(first), int(last)


def unprivileged_start():
    return int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


def asked(*ports):
    result = run("ports", "--json", *ports)
    return result, [json.loads(line) for line in result.stdout.splitlines()]


class Ports(unittest.TestCase):
    def test_a_name_gives_its_number(self):
        result, (facts,) = asked("domain")
        self.assertEqual(result.returncode, 0)
        self.assertEqual((facts["port"], facts["name"]), (53, "domain"))

    def test_a_number_gives_its_name(self):
        _, (facts,) = asked("5432")
        self.assertEqual((facts["port"], facts["name"]), (5432, "postgresql"))

    def test_classes_are_ianas(self):
        _, facts = asked("0", "1023", "1024", "49151", "49152", "65535")
        self.assertEqual([fact["class"].split()[0] for fact in facts],
                         ["system", "system", "user", "user", "dynamic", "dynamic"])

    def test_the_pool_is_this_systems_own(self):
        first, last = pool()
        _, facts = asked(first - 1, first, last, min(last + 1, 65535))
        self.assertEqual([fact["ephemeral"] for fact in facts], [False, True, True, last == 65535])

    def test_privileged_is_what_this_system_says(self):
        start = unprivileged_start()
        _, facts = asked(max(start - 1, 1), start)
        self.assertEqual([fact["privileged"] for fact in facts], [start > 1, False])

    def test_without_arguments_the_ranges_are_shown(self):
        first, last = pool()
        text = run("ports").stdout
        self.assertRegex(text, rf"{first} to {last}")
        self.assertRegex(text, r"49152 to 65535\s+dynamic \(private\)")
        facts = json.loads(run("ports", "--json").stdout)
        self.assertEqual(facts["ephemeral"], {"first": first, "last": last})
        self.assertEqual(facts["unprivileged_port_start"], unprivileged_start())

    def test_people_get_aligned_columns(self):
        heading, *rows = run("ports", "53", "5432", "40000").stdout.splitlines()
        self.assertEqual(len(rows), 3)
        column = heading.index("IANA CLASS")
        for row in rows:
            self.assertEqual(row[column - 2:column], "  ")
            self.assertNotEqual(row[column], " ")

    def test_what_does_not_exist_is_said_and_the_rest_is_shown(self):
        result, facts = asked("65536", "53", "12x", "no-such-service")
        self.assertEqual(result.returncode, 2)
        self.assertEqual([fact["port"] for fact in facts], [53])
        for text in ("65536", "12x", "no-such-service"):
            self.assertRegex(result.stderr, rf"holler: .*{text}")


if __name__ == "__main__":
    holler_test.main()
