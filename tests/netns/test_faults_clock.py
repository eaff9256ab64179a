"""Clocks that are stepped, and a client that sleeps. The machine's own clocks are left alone: the programs are
shown others, by a library in front of them and by time namespaces."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

import holler_test
from holler_test import HOLLER, SOURCE, Process, Server, run, run_program


def sanitized():
    """Sanitizers want to be loaded first, and so does the library of this test."""
    return b"__asan_init" in pathlib.Path(HOLLER).read_bytes() or b"__tsan_init" in pathlib.Path(HOLLER).read_bytes()


class SteppedClock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang-19")
        if compiler is None:
            raise unittest.SkipTest("no C compiler for the library that steps clocks")
        if sanitized():
            raise unittest.SkipTest("the sanitizers' own library has to be loaded first")
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.library = pathlib.Path(cls.directory.name) / "stepped_clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", cls.library,
                        SOURCE / "tests/support/stepped_clock.c", "-ldl"], check=True)

    def setUp(self):
        self.wall = pathlib.Path(self.directory.name) / f"{self.id()}.wall"
        self.boot = pathlib.Path(self.directory.name) / f"{self.id()}.boot"

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "HOLLER_WALL_STEP": str(self.wall), "HOLLER_BOOT_STEP": str(self.boot)}

    @staticmethod
    def step(path, seconds):
        new = path.with_suffix(".new")
        new.write_text(str(seconds))
        os.replace(new, path)

    def asking(self, server, *options):
        return self.enterContext(Process([HOLLER, "ask", server.endpoint, "what time is it", "--trace", "--first-wait",
                                          "50ms", "--max-wait", "200ms", *options], env=self.environment()))

    def test_the_library_steps_the_wall_clock(self):
        with Server("--json") as honest, Server("--json", env=self.environment()) as stepped:
            self.step(self.wall, 3600)
            times = []
            for server in (honest, stepped):
                run("ask", server.endpoint, "hello")
                times.append(json.loads(server.out.wait_for('"request"').string)["time"])
        self.assertNotEqual(times[0][:13], times[1][:13], "an hour is missing")

    def test_an_asker_whose_wall_clock_is_stepped_asks_on_and_is_answered(self):
        for seconds in (3600, -3600):
            with self.subTest(seconds), Server() as server:
                server.pause()
                asking = self.asking(server, "--deadline", "60s")
                asking.err.wait_for("attempt 2")
                self.step(self.wall, seconds)
                asking.err.wait_for("attempt 4")
                server.resume()
                self.assertEqual(asking.wait(), 0)
                self.assertRegex("\n".join(asking.err.rest()), r"answered in [\d.]+ m?s ")

    def test_a_server_whose_wall_clock_is_stepped_takes_what_comes_after_and_what_waited(self):
        for seconds in (3600, -3600):
            with self.subTest(seconds), Server("--json", env=self.environment()) as server:
                self.assertEqual(run("ask", server.endpoint, "before").returncode, 0)
                self.step(self.wall, seconds)
                for _ in range(3):
                    result = run("ask", server.endpoint, "after", "--json")
                    self.assertEqual(json.loads(result.stdout)["attempts"], 1, result.stderr)
                server.end()
                summary = server.events()[-1]
                self.assertEqual((summary["answered"], summary["busy"], summary["dropped"]), (4, 0, {}))
                self.assertLess(summary["elapsed_ms"], 60_000)

    def test_a_client_that_slept_for_a_minute_has_missed_its_deadline_and_says_so(self):
        with Server() as server:
            server.pause()
            asking = self.asking(server, "--deadline", "30s", "--json")
            asking.err.wait_for("attempt 2")
            self.step(self.boot, 60)
            self.assertEqual(asking.wait(), 1)
            reply = json.loads(asking.out.rest()[0])
            self.assertEqual(reply["outcome"], "no_answer")
            self.assertGreaterEqual(reply["elapsed_ms"], 60_000)
            # Nothing was sent after the deadline, on the word of a clock that had stood still.
            sent = [line for line in asking.err.rest() if " sent " in line]
            self.assertTrue(all(float(line.split()[0]) < 30_000 for line in sent), sent)

    def test_a_client_that_slept_within_its_deadline_asks_on(self):
        with Server() as server:
            server.pause()
            asking = self.asking(server, "--deadline", "10m", "--json")
            asking.err.wait_for("attempt 2")
            self.step(self.boot, 60)
            server.resume()
            self.assertEqual(asking.wait(), 0)
            self.assertGreaterEqual(json.loads(asking.out.rest()[0])["elapsed_ms"], 60_000)


class StoppedClient(unittest.TestCase):
    def test_a_reply_that_waits_in_the_receive_buffer_is_taken_when_the_client_goes_on(self):
        with Server("--json") as server:
            server.pause()
            with Process([HOLLER, "ask", server.endpoint, "hello", "--first-wait", "100s", "--deadline", "100s", "--trace",
                          "--json"]) as asking:
                asking.err.wait_for("attempt 1")
                asking.pause()
                server.resume()
                server.out.wait_for('"request"')
                server.end()  # the reply has been sent, and nobody can send another
                asking.resume()
                self.assertEqual(asking.wait(), 0)
                self.assertEqual(json.loads(asking.out.rest()[0])["attempts"], 1)

    def test_a_client_that_goes_on_after_its_deadline_ends_with_the_reply_or_without(self):
        with Server("--json") as server:
            server.pause()
            with Process([HOLLER, "ask", server.endpoint, "hello", "--first-wait", "5s", "--deadline", "2s", "--trace",
                          "--json"]) as asking:
                asking.err.wait_for("attempt 1")
                asking.pause()
                since = time.monotonic()
                server.resume()
                server.out.wait_for('"request"')
                holler_test.wait_until(lambda: time.monotonic() > since + 2.1, "the deadline passes")
                asking.resume()
                status = asking.wait()
                reply = json.loads(asking.out.rest()[0])
                # It has the reply in its hands: to throw it away would be no more honest. It says how late it was.
                self.assertEqual((status, reply["outcome"], reply["payload"]),
                                 (0, "answered", "Your data was 5 bytes long"))
                self.assertGreaterEqual(reply["elapsed_ms"], 2000)


class TimeNamespace(unittest.TestCase):
    def test_clocks_that_began_another_day_change_nothing(self):
        unshare = ["unshare", "--time", "--monotonic", "86400", "--boottime", "86400"]
        holler_test.needs_root("time namespaces need root")
        if run_program([*unshare, "true"]).returncode != 0:
            self.skipTest("no time namespaces here")
        with Server() as here, Server(prefix=unshare) as tomorrow:
            for prefix, server in ((unshare, here), ([], tomorrow), (unshare, tomorrow)):
                result = run_program([*prefix, HOLLER, "ask", server.endpoint, "hello", "--json"])
                reply = json.loads(result.stdout)
                self.assertEqual((reply["outcome"], reply["attempts"]), ("answered", 1), result.stderr)
                self.assertLess(reply["elapsed_ms"], 60_000)


if __name__ == "__main__":
    holler_test.main()
