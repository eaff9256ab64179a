"""The documents show what is there: their code is the examples', their files exist, their commands parse."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "docs/limits.md", "docs/departures.md", "docs/when-not-to.md",
             "docs/at-most-once.md", "docs/faults.md", "docs/performance.md")
FILE = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:md|hpp|cpp|py|txt|cmake)|(?:src|tests|docs|examples|include)/[\w/-]+/?)`")
LISTING = re.compile(r"<!-- (\S+) -->\n```cpp\n(.*?)```", re.DOTALL)


def commands(text):
    """The lines of the README's shell blocks that call holler, without their comments; a call that another one is given
    behind `--` is one of its own."""
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            line = line.removeprefix("$ ")
            if line.startswith("holler "):
                words = shlex.split(line.split("<")[0], comments=True)
                while "--" in words:
                    yield words[:words.index("--")]
                    words = words[words.index("--") + 1:]
                if words[0] == "holler":
                    yield words


def option_fields(path):
    """The fields of a header's option structs that are bounds: `jobs_max`."""
    structs = re.findall(r"struct \w+Options \{(.*?)\n\};", house.blank(house.read(path)), re.DOTALL)
    return [name for body in structs for name in re.findall(r"\b(\w+_max)\b\s*[={]", body)]


def default_bounds(path):
    """Those bounds that are numbers, with their values: {"jobs_max": 65536}."""
    found = re.findall(r"\b(\w+_max)\s*=\s*(\d+)U?(?:\s*<<\s*(\d+)U?)?;", house.read(path))
    return {name: int(value) << int(shift or 0) for name, value, shift in found if value != "0"}


class Documents(unittest.TestCase):
    def test_the_files_that_they_name_are_there(self):
        missing = [f"{document}: {name}" for document in DOCUMENTS for name in FILE.findall(house.read(document))
                   if not (house.ROOT / name).exists() and not (house.ROOT / "include/holler" / name).exists()]
        self.assertEqual([], missing)

    def test_the_readmes_code_is_the_examples(self):
        listings = LISTING.findall(house.read("README.md"))
        self.assertEqual(["examples/readme_client.cpp", "examples/readme_server.cpp"], [path for path, _ in listings])
        for path, code in listings:
            self.assertEqual(house.read(path), code)
            self.assertLessEqual(code.count("\n"), 15)

    def test_the_readmes_commands_have_these_options(self):
        holler = pathlib.Path(os.environ.get("HOLLER_BIN", house.ROOT / "build/release/bin")) / "holler"
        if not holler.exists():
            self.skipTest(f"{holler} is not built")
        lines = list(commands(house.read("README.md")))
        self.assertGreaterEqual(len(lines), 10)
        for _, subcommand, *words in lines:
            helped = subprocess.run([holler, subcommand, "--help"], capture_output=True, text=True, timeout=60)
            self.assertEqual(0, helped.returncode, f"{subcommand}: {helped.stderr}")
            for option in (word for word in words if word.startswith("-")):
                self.assertRegex(helped.stdout, rf"(?m)^  (-\w, )?{re.escape(option)}[, ]", f"{subcommand} {option}")

    def test_every_bound_that_can_be_set_is_among_the_limits(self):
        limits = house.read("docs/limits.md")
        fields = [field for header in ("client", "server", "requester", "responder")
                  for field in option_fields(f"include/holler/{header}.hpp")]
        self.assertIn("jobs_max", fields)
        self.assertEqual([], [field for field in fields if field not in limits])

    def test_the_limits_have_the_numbers_of_the_code(self):
        rows = house.read("docs/limits.md").splitlines()
        bounds = {**default_bounds("include/holler/requester.hpp"), **default_bounds("include/holler/responder.hpp")}
        self.assertEqual(65536, bounds["jobs_max"])
        for name, value in bounds.items():
            row = next(row for row in rows if name in row)
            ways = (f"**{value:,}**", f"**{value}**", f"**{value >> 20} MiB**")
            self.assertTrue(any(way in row for way in ways), f"{name} is {value}, and the page says {row}")

    def test_the_table_of_rooms_is_the_one_that_is_held(self):
        rows = re.findall(r"^\| `src/(\w+)` \|[^|]*\| ([^|]*) \|$", house.read("ARCHITECTURE.md"), re.MULTILINE)
        told = {room: {name for name in allowed.split(", ") if name in house.ROOMS} for room, allowed in rows}
        self.assertEqual(house.ROOMS, told)


if __name__ == "__main__":
    unittest.main()
