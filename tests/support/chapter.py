"""Starts the programs of the chapter, in network namespaces where that is needed, and reads what they say."""
import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys

import holler_test
from holler_test import PATIENCE_SECONDS, SOURCE, Namespace, free_port, main  # noqa: F401

PEER = pathlib.Path(__file__).with_name("chapter_peer.py")


class Running(holler_test.Process):
    """A program that runs; its lines are read one by one, as they come."""

    def __init__(self, command, namespace=None):
        prefix = namespace.prefix if namespace else []
        super().__init__([*prefix, *map(str, command)])

    def line(self):
        """The next line, as soon as it is there."""
        try:
            return self.out.next()
        except AssertionError as failure:
            self.process.kill()
            raise AssertionError(f"{failure}\nstandard error:\n" + "\n".join(self.err.rest())) from None

    def match(self, pattern):
        """The next line, which must be this to the letter."""
        line = self.line()
        found = re.fullmatch(pattern, line)
        if not found:
            raise AssertionError(f"{line!r} is not {pattern!r}, after {self.out.lines[:-1]}")
        return found

    def event(self):
        """The next line of chapter_peer.py."""
        return json.loads(self.line())

    def result(self):
        """Waits for the program's own end: (exit code, every line, what it wrote to stderr)."""
        return self.wait(), self.out.rest(), "".join(line + "\n" for line in self.err.rest())

    def stop(self, number=signal.SIGTERM):
        self.send_signal(number)
        return self.result()


def program(name, *arguments, namespace=None):
    return Running([holler_test.program(name), *arguments], namespace)


def peer(*arguments, namespace=None):
    return Running([sys.executable, PEER, *arguments], namespace)


def run(name, *arguments, namespace=None):
    with program(name, *arguments, namespace=namespace) as running:
        return running.result()


@contextlib.contextmanager
def lan(hosts, mtu=1500):
    """Hosts 10.53.0.1/24, .2, … on one bridge: their namespaces."""
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(Namespace("switch"))
        switch.ip("link add br0 type bridge stp_state 0")
        switch.ip("link set br0 up")
        result = []
        for number in range(1, hosts + 1):
            host = stack.enter_context(Namespace("host"))
            switch.ip(f"link add port{number} type veth peer name eth0 netns {host.name}")
            switch.ip(f"link set port{number} mtu {mtu} master br0 up")
            host.ip(f"address add 10.53.0.{number}/24 broadcast 10.53.0.255 dev eth0")
            host.ip(f"link set eth0 mtu {mtu} up")
            result.append(host)
        yield result


def say_in(namespace, *command):
    """What a command says inside a namespace."""
    return subprocess.run([*namespace.prefix, *command], check=True, capture_output=True, text=True).stdout


def count(namespace, protocol, counter):
    """One of the counters of a namespace in /proc/net/snmp."""
    rows = [line.split() for line in say_in(namespace, "cat", "/proc/net/snmp").splitlines()
            if line.startswith(f"{protocol}:")]
    return int(dict(zip(*rows))[counter])


def datagrams_sent(namespace):
    return count(namespace, "Udp", "OutDatagrams")
