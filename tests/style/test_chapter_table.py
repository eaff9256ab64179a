"""docs/chapter.md has every row of the chapter, and what it names is there."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house

NOT_BUILT = "not built yet"


def rows(text):
    """(number, chapter, holler, shown by) of each row of the tables."""
    return [(int(cells[0]), *cells[1:]) for line in text.splitlines()
            if re.match(r"\| *\d+ *\|", line) and (cells := [cell.strip() for cell in line.strip("| ").split(" | ")])]


def tests_there_are():
    """Every `Suite.Name` of the C++ tests and every `file.Class.name` of the Python tests."""
    found = set()
    for path in house.project_files():
        if path.parts[0] != "tests":
            continue
        if path.suffix == ".cpp":
            found.update(".".join(names) for names in
                         re.findall(r"\b(?:TEST(?:_[FP])?|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP)\(\s*(\w+),\s*(\w+)", house.read(path)))
        elif path.suffix == ".py" and path.name.startswith("test_"):
            for line in house.read(path).splitlines():
                if match := re.match(r"class (\w+)", line):
                    class_name = match[1]
                elif match := re.match(r"    def (test_\w+)", line):
                    found.add(f"{path.stem}.{class_name}.{match[1]}")
    return found


def complaints(number, holler, shown, tests):
    """What is wrong with a row."""
    named = re.findall(r"`([^`]+)`", shown)
    if not named and NOT_BUILT not in shown:
        yield f"row {number}: neither a test nor \"{NOT_BUILT}\""
    for test in named:
        if test not in tests:
            yield f"row {number}: there is no test {test}"
    for path in re.findall(r"`([\w/]+\.\w+)`", holler):
        if "/" in path and not (house.ROOT / path).is_file():
            yield f"row {number}: there is no file {path}"


class ChapterTable(unittest.TestCase):
    def setUp(self):
        self.rows = rows(house.read("docs/chapter.md"))

    def test_it_has_every_row_once_and_in_order(self):
        self.assertEqual(list(range(1, 101)), [row[0] for row in self.rows])
        self.assertEqual([], [row[0] for row in self.rows if len(row) != 4 or not all(row)])

    def test_what_it_names_is_there(self):
        tests = tests_there_are()
        self.assertEqual([], [problem for number, _, holler, shown in self.rows
                              for problem in complaints(number, holler, shown, tests)])

    def test_the_check_sees_what_is_wrong(self):
        tests = {"Suite.Name"}
        for holler, shown in (("", "by and by"), ("", "`Suite.Nam`"), ("`src/nowhere.cpp`", "`Suite.Name`")):
            self.assertEqual(1, len(list(complaints(1, holler, shown, tests))), (holler, shown))
        for holler, shown in (("`docs/chapter.md`", "`Suite.Name`"), ("", NOT_BUILT), ("`recv`", "`Suite.Name`")):
            self.assertEqual([], list(complaints(1, holler, shown, tests)), (holler, shown))


if __name__ == "__main__":
    unittest.main()
