"""100 MB of random bytes against a server: it survives, does not grow, and counts every datagram."""

import pathlib
import random
import socket
import unittest

import holler_test
from holler_test import Server, wait_until

BYTES = 100_000_000
WARM_UP_BYTES = 20_000_000
DATAGRAM_BYTES_MAX = 1472
GROWTH_BYTES_MAX = 32 << 20
# Half of the datagrams begin like a request of holler's own format, and get past the first check.
BELIEVABLE = bytes.fromhex("f548010101000000")


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


def waiting_bytes(port):
    """What lies in the receive buffer of the socket on a port."""
    wanted = f":{port:04X}"
    lines = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
    return sum(int(line.split()[4].split(":")[1], 16) for line in lines if line.split()[1].endswith(wanted))


class RandomBytes(unittest.TestCase):
    def throw(self, sock, generator, total):
        count = sent = 0
        while sent < total:
            size = generator.randrange(DATAGRAM_BYTES_MAX + 1)
            datagram = generator.randbytes(size)
            if generator.random() < 0.5:
                datagram = (BELIEVABLE + datagram)[:size]
            sock.send(datagram)
            sent += max(size, 1)
            count += 1
        return count

    def test_are_survived_without_growth_and_each_counted(self):
        quarantine = {"ASAN_OPTIONS": "quarantine_size_mb=4"}
        with Server("--json", "--quiet", env=quarantine) as server, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((server.address, int(server.port)))
            generator = random.Random(7)
            count = self.throw(sock, generator, WARM_UP_BYTES)
            wait_until(lambda: waiting_bytes(int(server.port)) == 0, "the server has read everything")
            warm = resident_bytes(server.pid)
            count += self.throw(sock, generator, BYTES - WARM_UP_BYTES)
            wait_until(lambda: waiting_bytes(int(server.port)) == 0, "the server has read everything")
            self.assertLess(resident_bytes(server.pid) - warm, GROWTH_BYTES_MAX)
            self.assertEqual(server.end(), 0)
            summary = server.events()[-1]
            self.assertEqual(summary["received"] + summary["kernel_drops"], count, summary)
            self.assertEqual(server.err.lines, [])


if __name__ == "__main__":
    holler_test.main()
