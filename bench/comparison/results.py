"""bench/results.json: what was measured, on which machine, with which versions."""

import datetime
import json
import os
import pathlib
import platform
import re
import subprocess

from comparison import running, systems

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "bench/results.json"


def processor():
    found = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def system_name():
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else platform.system()


def compiler():
    done = subprocess.run(["g++", "--version"], capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.splitlines()[0]


def machine():
    return {"processor": processor(), "processors": os.cpu_count(), "kernel": platform.release(), "system": system_name(),
            "compiler": compiler()}


def versions():
    """{program: what its library says of itself}."""
    return {program: running.version(program) for program in dict.fromkeys(system.program for system in systems.SYSTEMS)
            if program != "bare"}


def described(measured, rounds, seconds):
    """All there is to keep of a run."""
    return {"date": datetime.date.today().isoformat(), "machine": machine(), "versions": versions(),
            "rounds": rounds, "seconds": seconds, "cases": measured}


def write(results, path=FILE):
    """A line for each system, so that two runs can be compared line by line. What another run has put beside stays."""
    before = read(path) if path.exists() else {}
    results = {**results, **{key: value for key, value in before.items() if key not in results}}

    def line(value):
        return json.dumps(value, ensure_ascii=False)

    parts = [f' "{key}": {line(value)}' for key, value in results.items() if key != "cases"]
    cases = []
    for case, outcome in results["cases"].items():
        rows = ",\n".join(f"   {line(name)}: {line(numbers)}" for name, numbers in outcome.items())
        cases.append(f"  {line(case)}: {{\n{rows}\n  }}")
    parts.append(' "cases": {\n' + ",\n".join(cases) + "\n }")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def read(path=FILE):
    return json.loads(path.read_text(encoding="utf-8"))
