#!/usr/bin/env python3
"""Runs clang-tidy over the sources, several at a time.

A source that passed is not checked again until what the compiler sees of it (its text and all its headers,
comments included, since they can hold NOLINT), its compiler flags, the configuration or clang-tidy changes.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys

TIDY = "clang-tidy-19"
ROOT = pathlib.Path(__file__).resolve().parent.parent


def preprocess_command(entry):
    """The command that prints what the compiler sees, made from the one that compiles."""
    words = shlex.split(entry["command"])
    while pathlib.Path(words[0]).name == "ccache":
        words.pop(0)
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word == "-o":
            skip = True
        elif word != "-c":
            kept.append(word)
    return kept + ["-E", "-C"]


def fingerprint(entry, configuration):
    command = preprocess_command(entry)
    seen = subprocess.run(command, cwd=entry["directory"], capture_output=True)
    if seen.returncode != 0:
        return None, seen.stderr.decode(errors="replace")
    digest = hashlib.sha256(configuration)
    digest.update("\0".join(command).encode())
    digest.update(seen.stdout)
    return digest.hexdigest(), ""


def check(entry, build, configuration, passed):
    """None where it passed before, or (return code, output)."""
    key, error = fingerprint(entry, configuration)
    if key is None:
        return 1, error
    stamp = passed / key
    if stamp.exists():
        return None
    run = subprocess.run([TIDY, "-p", str(build), "--quiet", entry["file"]], capture_output=True, text=True)
    if run.returncode == 0:
        stamp.touch()
        return 0, ""
    return run.returncode, run.stdout + run.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True, help="where compile_commands.json is")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--without", type=pathlib.Path, action="append", default=[], help="a folder to leave out")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()

    entries = json.loads((arguments.build / "compile_commands.json").read_text())
    left_out = [folder.resolve() for folder in arguments.without]
    entries = [entry for entry in entries
               if not any(pathlib.Path(entry["file"]).is_relative_to(folder) for folder in left_out)]
    if arguments.files:
        wanted = {file.resolve() for file in arguments.files}
        entries = [entry for entry in entries if pathlib.Path(entry["file"]).resolve() in wanted]
        if not entries:
            sys.exit("tidy: none of these is compiled")
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    configuration = version + b"".join(path.read_bytes() for path in sorted(ROOT.rglob(".clang-tidy")))
    passed = arguments.build / "passed"
    passed.mkdir(exist_ok=True)

    failed, unchanged = [], 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        runs = {pool.submit(check, entry, arguments.build, configuration, passed): entry for entry in entries}
        for done in concurrent.futures.as_completed(runs):
            result = done.result()
            if result is None:
                unchanged += 1
            elif result[0] != 0:
                failed.append(runs[done]["file"])
                print(result[1], flush=True)
    print(f"tidy: {len(entries)} sources, {unchanged} unchanged since they passed, {len(failed)} with findings")
    for file in sorted(failed):
        print("  " + str(pathlib.Path(file).relative_to(ROOT)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
