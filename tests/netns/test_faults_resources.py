"""Descriptors and memory run out: what cannot be done is said, nothing crashes, and no answer is wrong."""

import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import unittest

import holler_test
from holler_test import HOLLER, Process, Server, run, run_program

COMPLAINT = r"ulimit -n|[Tt]oo many open files|descriptor|Error 24"
LOADER = 127  # the dynamic loader itself has found no room


def limited(which, limit):
    return lambda: resource.setrlimit(which, (limit, limit))


class Descriptors(unittest.TestCase):
    def setUp(self):
        if b"__asan_init" in pathlib.Path(HOLLER).read_bytes():
            self.skipTest("the sanitizer needs descriptors of its own")

    def test_an_asker_with_too_few_says_so_and_with_enough_asks(self):
        with Server() as server:
            works = []
            for limit in range(3, 16):
                result = run("ask", server.endpoint, "hello", preexec_fn=limited(resource.RLIMIT_NOFILE, limit))
                works.append(result.returncode == 0)
                if result.returncode != 0:
                    self.assertIn(result.returncode, (4, LOADER), result.stderr)
                    self.assertRegex(result.stderr, COMPLAINT)
        self.assertEqual(works, sorted(works), "what suffices once suffices always")
        self.assertTrue(works[-1] and not works[0], works)

    def test_a_server_with_too_few_says_so_and_with_enough_serves(self):
        works = []
        for limit in range(3, 16):
            with Process([HOLLER, "serve", "-p", "0"], preexec_fn=limited(resource.RLIMIT_NOFILE, limit)) as server:
                try:
                    server.out.wait_for("Listening")
                    self.assertEqual(server.end(), 0)
                    works.append(True)
                except AssertionError:
                    works.append(False)
                    self.assertIn(server.wait(), (4, LOADER))
                    self.assertRegex("\n".join(server.err.rest()), COMPLAINT)
        self.assertEqual(works, sorted(works), "what suffices once suffices always")
        self.assertTrue(works[-1] and not works[0], works)

    def test_a_server_that_runs_out_while_it_serves_says_no_and_recovers(self):
        with Server("--exec", "cat") as server:
            self.assertEqual(run("ask", server.endpoint, "before").stdout, "before")
            taken = len(list(pathlib.Path(f"/proc/{server.pid}/fd").iterdir()))
            before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (taken, before[1]))
            result = run("ask", server.endpoint, "meanwhile")
            self.assertEqual((result.returncode, result.stdout), (6, ""), result.stderr)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
            self.assertEqual(run("ask", server.endpoint, "after").stdout, "after")
            self.assertEqual(server.end(), 0)


class Memory(unittest.TestCase):
    ROOM = 24 << 20

    def setUp(self):
        if b"__asan_init" in pathlib.Path(HOLLER).read_bytes() or b"__tsan_init" in pathlib.Path(HOLLER).read_bytes():
            self.skipTest("the sanitizers' shadows do not fit a limit on addresses")

    @staticmethod
    def size_of(pid):
        return int(re.search(r"^VmSize:\s*(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
                   .group(1)) << 10

    def test_a_server_without_memory_ends_with_a_message_and_never_answers_wrongly(self):
        message = "".join(chr(97 + i % 26) for i in range(60_000))
        with Server("--echo", "--quiet") as server:
            limit = self.size_of(server.pid) + self.ROOM
            resource.prlimit(server.pid, resource.RLIMIT_AS, (limit, limit))
            ends = []
            while not ends or ends[-1].returncode == 0:
                self.assertLess(len(ends), 2000, "the replies that it remembers pass any limit")
                # A conversation of its own for each: none is declared done, and all are remembered.
                ends.append(run("ask", server.endpoint, message, "--deadline", "2s", "--quiet"))
                if ends[-1].returncode == 0:
                    self.assertEqual(ends[-1].stdout, message)
            self.assertGreater(len(ends), 100)
            self.assertIn(ends[-1].returncode, (1, 3))  # silence, or nobody listens any more
            self.assertEqual(server.wait(), 4)
            self.assertRegex("\n".join(server.err.rest()), r"^holler: out of memory")

    def test_an_asker_without_memory_ends_with_a_message(self):
        with tempfile.NamedTemporaryFile() as file, Server("--echo", "--quiet") as server:
            file.write(b"x" * 65_000)
            file.flush()
            ends = {}
            for room in range(1 << 20, 24 << 20, 1 << 20):
                with open(file.name, "rb") as message:
                    result = subprocess.run([HOLLER, "ask", server.endpoint, "--quiet"], stdin=message, capture_output=True,
                                            timeout=60, check=False,
                                            preexec_fn=limited(resource.RLIMIT_AS, room))
                ends[room >> 20] = result.returncode
                if result.returncode == 0:
                    self.assertEqual(result.stdout, b"x" * 65_000)
                # SIGSEGV and SIGKILL: the kernel's exec found no room; SIGABRT: not even an exception did.
                self.assertIn(result.returncode,
                              (0, 4, LOADER, -signal.SIGSEGV, -signal.SIGKILL, -signal.SIGABRT), result.stderr)
            self.assertEqual(ends[23], 0, ends)


if __name__ == "__main__":
    holler_test.main()
