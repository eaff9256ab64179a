"""One measurement: a server on one processor, a load on another, and what both have used."""

import json
import os
import pathlib
import select
import subprocess
import time

BIN = pathlib.Path(__file__).resolve().parents[2] / "build/release/bin"
CANNOT = 3
START_SECONDS = 20   # a program that says nothing for so long does not work
FINISH_SECONDS = 20  # what it may take beyond the seconds that it was told to measure


class Failed(Exception):
    """A program did not do what it is there for; the reason is the text."""


class Cannot(Exception):
    """The system has no way to do this; the reason is the text."""


class Program:
    """A program pinned to one processor, whose lines are read; ended by its pid when the `with` block is left."""

    def __init__(self, command, processor):
        self.name = next(pathlib.PurePath(word).name for word in command if "peer_" in word)
        if not (BIN / self.name).exists():
            raise Failed(f"{self.name} is not built: ./dev bench does that")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                         preexec_fn=lambda: os.sched_setaffinity(0, {processor}))
        self._text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()

    def line(self, seconds):
        """Its next line; Cannot and Failed for what comes in the place of one."""
        end = time.monotonic() + seconds
        output = self._process.stdout
        while b"\n" not in self._text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise Failed(f"{self.name} said nothing for {seconds:.0f} s")
            more = os.read(output.fileno(), 65536)
            if not more:
                raise Failed(self._end())
            self._text += more
        line, _, self._text = self._text.partition(b"\n")
        if line.startswith(b'{"cannot"'):
            raise Cannot(json.loads(line)["cannot"])
        return line.decode()

    def _end(self):
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return f"{self.name} closed its output"
        said = self._process.stderr.read(2000).decode(errors="replace").strip()
        return f"{self.name} ended with {code}: {said or 'no word'}"

    def processor_ns(self):
        """What its threads have used so far. One that ends meanwhile takes its share along."""
        total = 0
        for task in pathlib.Path(f"/proc/{self._process.pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except (OSError, IndexError):
                continue
        return total


def processors():
    """One for the server and one for the load; the same where there is but one."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[1 % len(usable)]


def command(path, side, program, *words):
    return [*getattr(path, side), str(BIN / f"peer_{program}"), *map(str, words)]


def measure(path, system, case, seconds, warmup):
    """One round: a dictionary of numbers."""
    on_server, on_load = processors()
    spin = ["--spin"] if case.spin else []
    mode = ["--mode", system.serve_mode] if system.serve_mode else []
    much = ["--outstanding", case.outstanding, "--clients", case.clients]
    serve = command(path, "serving", system.program, "serve", "--port", 0, "--on", path.address, *much, *mode, *spin)
    with Program(serve, on_server) as server:
        port = server.line(START_SECONDS).removeprefix("ready ")
        mode = ["--mode", system.load_mode] if system.load_mode else []
        load = command(path, "loading", system.load_program, "load", "--to", f"{path.address}:{port}", "--bytes", case.bytes,
                       "--seconds", seconds, "--warmup", warmup, *much, *mode, *spin)
        with Program(load, on_load) as asker:
            asker.line(START_SECONDS + warmup)
            before, machine_before = server.processor_ns(), machine_busy_seconds()
            said = json.loads(asker.line(seconds + FINISH_SECONDS))
            used, machine = server.processor_ns() - before, machine_busy_seconds() - machine_before
    return numbers(said, used, machine)


def machine_busy_seconds():
    """What all processors together have spent on anything at all, since boot."""
    words = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, words[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def numbers(said, server_ns, machine_seconds):
    """What the load has said, the server has used and the machine was busy with, as rates and shares."""
    if said["answered"] == 0:
        raise Failed("no question was answered")
    return {
        "rate": said["answered"] / said["seconds"],
        "server_ns": server_ns / said["answered"],
        "server_busy": server_ns * 1e-9 / said["seconds"],
        "load_busy": said["cpu_seconds"] / said["seconds"],
        "others_busy": max(0.0, machine_seconds - server_ns * 1e-9 - said["cpu_seconds"]) / said["seconds"],
        "lost": said["lost"],
        "retransmitted": said["retransmitted"],
        "note": said["note"],
        **{percentile: said[percentile] for percentile in ("p50", "p90", "p99", "p999")},
    }


def version(program):
    done = subprocess.run([BIN / f"peer_{program}", "version"], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.strip()
