"""What the command promises to scripts is in the README and in --help, and is the same in all three places."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house


def exit_codes():
    """The numbers of `enum class ExitCode` in cli/exit_code.hpp."""
    body = re.search(r"enum class ExitCode\b[^{]*\{(.*?)\}", house.blank(house.read("cli/exit_code.hpp")), re.DOTALL)
    return sorted({int(number) for number in re.findall(r"=\s*(\d+)", body.group(1))})


def missing_from_table(text, codes):
    """Those codes that begin no row: `| 3 | refused |`, `- **3** refused`, `  3  refused`."""
    rows = {int(number) for number in re.findall(r"^\s*(?:[|*-]\s*)?[`*]*(\d+)[`*]*\s*(?:\||\s|·|:|—|–)", text,
                                                 re.MULTILINE)}
    return [code for code in codes if code not in rows]


class ExitCodes(unittest.TestCase):
    def setUp(self):
        if not (house.ROOT / "cli/exit_code.hpp").exists():
            self.skipTest("cli/exit_code.hpp is missing")

    def test_there_are_those_that_were_promised(self):
        self.assertEqual([0, 1, 2, 3, 4, 5, 6, 130], exit_codes())

    def test_the_readme_has_every_exit_code(self):
        if not (house.ROOT / "README.md").exists():
            self.skipTest("README.md is missing")
        self.assertEqual([], missing_from_table(house.read("README.md"), exit_codes()))

    def test_help_has_every_exit_code(self):
        command = pathlib.Path(os.environ.get("HOLLER_BIN", house.ROOT / "build/release/bin")) / "holler"
        if not command.exists():
            self.skipTest(f"{command} is not built")
        helped = subprocess.run([command, "--help"], capture_output=True, text=True, timeout=60)
        self.assertEqual(0, helped.returncode)
        self.assertEqual([], missing_from_table(helped.stdout, exit_codes()))

    def test_the_check_sees_a_missing_code(self):
        self.assertEqual([3], missing_from_table("| 0 | answered |\n|`1`| no answer, after 3 tries |\n", [0, 1, 3]))
        self.assertEqual([], missing_from_table("  0  answered\n  130  interrupted\n- **3** refused\n", [0, 3, 130]))


if __name__ == "__main__":
    unittest.main()
