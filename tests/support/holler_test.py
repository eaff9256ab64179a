"""What the tests that drive the built programs have in common.

A test file is a unittest module that ends in `holler_test.main()`. It finds the programs in HOLLER_BIN and the
repository in HOLLER_SOURCE, and exits with 77 ("skipped", for ctest) where nothing could be run.
"""

import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("HOLLER_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BIN = pathlib.Path(os.environ.get("HOLLER_BIN", SOURCE / "build/dev/bin"))
HOLLER = str(BIN / "holler")

# A bound on waits for things that happen at once unless something is broken; never a measurement.
PATIENCE_SECONDS = 60


def program(name):
    """The path of a built program; the test is skipped where it was not built."""
    path = BIN / name
    if not path.exists():
        raise unittest.SkipTest(f"{path} was not built")
    return str(path)


def run(*arguments, **options):
    """Runs holler to its end. Output is text, unless text=False."""
    return run_program([HOLLER, *map(str, arguments)], **options)


def run_program(command, *, stdin=None, text=True, timeout=PATIENCE_SECONDS, env=None, **options):
    if stdin is None:
        options.setdefault("stdin", subprocess.DEVNULL)
    else:
        options["input"] = stdin
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(command, text=text, timeout=timeout, env=environment(env), check=False, **options)


def environment(extra=None):
    """The test's own environment, with nothing in it that changes what programs print."""
    result = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "LANGUAGE")}
    result["LC_ALL"] = "C.UTF-8"
    result.update(extra or {})
    return result


def wait_until(condition, what, patience=PATIENCE_SECONDS):
    """Waits for a condition, and returns what it says."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        time.sleep(0.01)


class LineReader:
    """Collects the lines of a stream in a thread, so that a test can wait for one."""

    def __init__(self, stream):
        self.lines = []
        self._stream = stream
        self._queue = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        with contextlib.suppress(ValueError):  # closed meanwhile
            for line in stream:
                self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait_for(self, pattern, patience=PATIENCE_SECONDS):
        """The match of the first line, not yet waited for, in which `pattern` is found."""
        end = time.monotonic() + patience
        while True:
            try:
                line = self._queue.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line with {pattern!r} in:\n" + "\n".join(self.lines))
            self.lines.append(line)
            match = re.search(pattern, line)
            if match:
                return match

    def next(self, patience=PATIENCE_SECONDS):
        """The next line, whatever it says."""
        return self.wait_for("", patience).string

    def rest(self):
        """All lines up to the end of the stream."""
        while (line := self._queue.get(timeout=PATIENCE_SECONDS)) is not None:
            self.lines.append(line)
        return self.lines

    def close(self):
        """After the program's end; a child of it that lives on keeps the stream."""
        self._thread.join(timeout=1)
        if not self._thread.is_alive():
            self._stream.close()


class Process:
    """A program that runs beside the test, and ends with it."""

    def __init__(self, command, *, env=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="backslashreplace",
            env=environment(env), **options)
        self.out = LineReader(self.process.stdout)
        self.err = LineReader(self.process.stderr)

    @property
    def pid(self):
        return self.process.pid

    def send_signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        """Stops it with SIGSTOP, and returns when it has stopped."""
        self.send_signal(signal.SIGSTOP)
        wait_until(lambda: pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T",
                   "the process stops")

    def resume(self):
        self.send_signal(signal.SIGCONT)

    def wait(self, patience=PATIENCE_SECONDS):
        return self.process.wait(timeout=patience)

    def end(self, number=signal.SIGINT):
        """Asks it to end, waits, and returns its exit status; `out.lines` and `err.lines` are complete then."""
        if self.process.poll() is None:
            # In this order: a SIGCONT takes back the SIGSTOP with which the leak checker, at the end of a sanitized
            # program, holds its threads, and it would wait for them forever.
            self.send_signal(signal.SIGCONT)
            self.send_signal(number)
        status = self.wait()
        self.out.rest()
        self.err.rest()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.out.close()
        self.err.close()


class Server(Process):
    """`holler serve` on a port of the kernel's choice; `port` and `address` are set once it listens."""

    def __init__(self, *arguments, address="127.0.0.1", port="0", prefix=(), **options):
        super().__init__([*prefix, HOLLER, "serve", address, "-p", port, *map(str, arguments)], **options)
        try:
            if "--json" in arguments:
                self.listening = json.loads(self.out.wait_for("listening").string)
                self.endpoint = self.listening["endpoint"]
            else:
                self.endpoint = self.out.wait_for(r"^Listening at (\S+:\d+)").group(1)
        except AssertionError as failure:
            self.process.kill()
            raise AssertionError(f"{failure}\nstandard error:\n" + "\n".join(self.err.rest())) from None
        host, self.port = self.endpoint.rsplit(":", 1)
        self.address = host.strip("[]")

    def events(self):
        """What --json printed so far, one dictionary for each line."""
        return [json.loads(line) for line in self.out.lines]


def signals_pending(pid):
    """Whether a signal has been sent to a process, and not yet been taken."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^ShdPnd:\s*(\w+)$", status, re.MULTILINE).group(1), 16) != 0


def free_port(family=socket.AF_INET, address="127.0.0.1"):
    """A UDP port on which nobody listens at the moment."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def silent_peer(address="127.0.0.1"):
    """A socket that hears everything and answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        sock.settimeout(PATIENCE_SECONDS)
        yield sock


def needs_root(reason="needs root"):
    if os.geteuid() != 0:
        raise unittest.SkipTest(reason)


class Namespace:
    """A network namespace of its own, with a name that no other process uses, deleted at the end."""

    _counter = 0

    def __init__(self, label="n"):
        Namespace._counter += 1
        self.name = f"holler-{os.getpid()}-{label}{Namespace._counter}"

    def __enter__(self):
        needs_root("network namespaces need root")
        made = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise unittest.SkipTest(f"no network namespaces here: {made.stderr.strip()}")
        self.ip("link set lo up")
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)

    @property
    def prefix(self):
        """Put it in front of a command to run that inside."""
        return ["ip", "netns", "exec", self.name]

    def ip(self, arguments):
        """Runs ip(8) inside, with arguments as one string."""
        subprocess.run(["ip", "-n", self.name, *arguments.split()], check=True, capture_output=True, text=True)

    def run(self, *arguments, **options):
        """Runs holler inside, to its end."""
        return run_program([*self.prefix, HOLLER, *map(str, arguments)], **options)


def main():
    """unittest.main, with exit status 77 where every test was skipped."""
    program_result = unittest.main(module="__main__", exit=False, verbosity=2).result
    if not program_result.wasSuccessful():
        sys.exit(1)
    if program_result.testsRun > 0 and len(program_result.skipped) == program_result.testsRun:
        for _, reason in program_result.skipped:
            print(f"skipped: {reason}", file=sys.stderr)
        sys.exit(77)
    sys.exit(0)
