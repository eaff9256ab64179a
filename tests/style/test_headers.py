"""Every header compiles alone, with each compiler that is here."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-missing-field-initializers"]


def compilers():
    wanted = [os.environ.get("HOLLER_CXX") or "g++", "g++", "clang++-19"]
    found = {os.path.realpath(path): path for path in map(shutil.which, wanted) if path}
    return sorted(found.values())


def compile_alone(compiler, include, *folders):
    """None, or what the compiler says of a file that holds this include twice and nothing else."""
    code = f'#include "{include}"\n#include "{include}"\n'
    flags = [f"-I{folder}" for folder in folders]
    if "clang" in pathlib.Path(compiler).name:
        flags.append("-Wno-missing-designated-field-initializers")
    run = subprocess.run([compiler, "-std=c++23", "-fsyntax-only", *WARNINGS, *flags, "-x", "c++", "-"], input=code,
                         capture_output=True, text=True)
    return None if run.returncode == 0 else f"{pathlib.Path(compiler).name}: {include}\n{run.stderr}"


def included_as(path):
    return str(pathlib.PurePosixPath(*path.parts[1:]) if path.parts[0] in ("include", "src") else path)


def first_includes():
    """Headers that are the first include of a source: building that compiles them with nothing before them."""
    sources = [path for path in house.sources("src", "cli") if path.suffix == ".cpp"]
    return {found[0][1] for path in sources if (found := house.includes(house.read(path)))}


class Headers(unittest.TestCase):
    def test_every_header_compiles_alone(self):
        proven = first_includes()
        headers = [header for header in map(included_as, house.sources("include", "src", "cli", "tests"))
                   if header.endswith(".hpp") and header not in proven]
        self.assertTrue(headers)
        folders = (house.ROOT / "include", house.ROOT / "src", house.ROOT)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = [pool.submit(compile_alone, compiler, header, *folders)
                    for compiler in compilers() for header in headers]
            self.assertEqual([], [error for run in runs if (error := run.result())])

    def test_every_header_guards_itself(self):
        wrong = [str(path) for path in house.sources("include", "src", "cli", "tests", "bench", "examples")
                 if path.suffix in (".hpp", ".h") and "#pragma once" not in house.read(path).splitlines()[:1]]
        self.assertEqual([], wrong, "the first line of a header is #pragma once")

    def test_the_umbrella_header_has_every_public_header(self):
        reached, due = set(), ["holler/holler.hpp"]
        while due:
            header = due.pop()
            reached.add(header)
            included = {text for _, text, quoted in house.includes(house.read("include/" + header)) if quoted}
            due += included - reached
        there = {included_as(path) for path in house.sources("include")}
        # What needs a third party's headers is included on purpose, or not at all.
        self.assertEqual(there - {"holler/asio.hpp"}, reached)

    def test_the_check_sees_a_header_that_leans_on_another(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "leaning.hpp").write_text("#pragma once\nstd::string name();\n")
            pathlib.Path(folder, "unguarded.hpp").write_text("struct Twice {};\n")
            pathlib.Path(folder, "upright.hpp").write_text("#pragma once\n#include <string>\nstd::string name();\n")
            for compiler in compilers():
                self.assertIsNotNone(compile_alone(compiler, "leaning.hpp", folder))
                self.assertIsNotNone(compile_alone(compiler, "unguarded.hpp", folder))
                self.assertIsNone(compile_alone(compiler, "upright.hpp", folder))


if __name__ == "__main__":
    unittest.main()
