"""Files and functions that fit into a head, clean text, and a project that speaks of itself alone."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
# What is no text, or not of our making.
BINARY = (".png", ".bin", ".pcap", ".gif", ".jpg")
# What opens a block that is no function.
NO_FUNCTION = re.compile(r"^(if|for|while|switch|catch|else|do|try|namespace|struct|class|enum|union|extern)\b")

# The end of a constructor's head that stops at a member's opening brace: `X::X(int a) : a_{`.
MEMBER_INITIALIZER = re.compile(r"\)[^;]*(?<!:):(?!:)(.*[\s,}])?[\w:]+(<[^()]*>)?\s*$", re.DOTALL)
SKIPPED = "skipped"


def is_function(head):
    """Whether the text between the last ; { or } and an opening brace begins a function (or a test)."""
    head = re.sub(r"\[\[.*?\]\]|^\s*template\s*<[^{;]*?>\s*(requires\b[^{;]*?)?(?=\w)", " ", head).strip()
    head = re.sub(r"^\s*#[^\n]*\n", "", head).strip()
    return "(" in head and not NO_FUNCTION.match(head) and not re.search(r"=\s*$|\breturn\b[^()]*$", head)


def functions(code):
    """(first line, number of lines, head) of each function; what is inside a function belongs to it."""
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()), house.blank(code),
                  flags=re.MULTILINE)
    found, blocks, start, parentheses = [], [], 0, 0
    for at, char in enumerate(text):
        if char in "()":
            parentheses += 1 if char == "(" else -1
        elif char == ";" and parentheses == 0:
            start = at + 1
        elif char == "{":
            head = text[start:at]
            if MEMBER_INITIALIZER.search(head):
                blocks.append(SKIPPED)
                continue
            inside = any(block not in (None, SKIPPED) for block in blocks)
            function = not inside and parentheses == 0 and is_function(head)
            blocks.append((text.count("\n", 0, at) + 1, " ".join(head.split())) if function else None)
            if parentheses == 0:
                start = at + 1
        elif char == "}" and blocks:
            block = blocks.pop()
            if block == SKIPPED:
                continue
            if block is not None:
                line = text.count("\n", 0, at) + 1
                found.append((block[0], line - block[0] - 1, block[1]))
            if parentheses == 0:
                start = at + 1
    return found


def text_files():
    for path in house.project_files():
        # What fuzzers keep is bytes, whatever its name.
        if path.suffix in BINARY or "corpus" in path.parts:
            continue
        yield path


def untidy_lines(text):
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            yield number, "a tab"
        if line != line.rstrip() and not line.endswith("\u00a0"):
            yield number, "space at the end"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end"


class Size(unittest.TestCase):
    def test_no_file_is_longer_than_a_long_thought(self):
        wrong = [f"{path}: {lines} lines" for path in house.project_files()
                 if path.suffix in (*house.SOURCES, ".py", ".cmake", ".sh")
                 and (lines := house.read(path).count("\n")) > FILE_LINES_MAX]
        self.assertEqual([], wrong)

    def test_no_function_is_longer_than_a_screen(self):
        wrong = [f"{path}:{line}: {length} lines: {head[:60]}"
                 for path in house.sources("src", "include", "cli", "examples", "bench", "tests")
                 for line, length, head in functions(house.read(path)) if length > FUNCTION_LINES_MAX]
        self.assertEqual([], wrong)

    def test_the_check_finds_functions_and_measures_them(self):
        body = "  int x = 0;\n" * 71
        long_ones = ["void f() {\n%s}\n", "TEST(A, Sentence) {\n%s}\n", "template <class T>\nauto g(T x) -> int {\n%s}\n",
                     "Type::Type(int a) : a_{a}, b_(a) {\n%s}\n",
                     "Type::Type(int a) noexcept : Base<int>{a}, a_{std::move(a)}, b_{} {\n%s}\n",
                     "struct S {\n  int h() const noexcept {\n%s  }\n};\n",
                     "namespace n {\nstd::vector<int> k(int x = {}, S s = {1}) {\n%s}\n}\n",
                     "#define A(x) {\nvoid f() {\n%s}\n", "[[nodiscard]] int f() {\n  if (a) {\n%s  }\n}\n"]
        for code in long_ones:
            lengths = [length for _, length, _ in functions(code % body)]
            self.assertEqual(1, len(lengths), code)
            self.assertGreater(lengths[0], FUNCTION_LINES_MAX, code)
        for code in ["struct S {\n%s};\n", "namespace n {\n%s}\n", "constexpr std::array<int, 9> kRow{{\n%s}};\n",
                     "enum class E {\n%s};\n", "const Row kRows[] = {\n%s};\n"]:
            self.assertEqual([], functions(code % body), code)


class Text(unittest.TestCase):
    def test_no_tabs_no_trailing_spaces_and_a_newline_at_the_end(self):
        wrong = [f"{path}:{line}: {what}" for path in text_files()
                 for line, what in untidy_lines(house.read(path))]
        self.assertEqual([], wrong)
        self.assertEqual([(1, "a tab"), (2, "space at the end"), (2, "no newline at the end")],
                         list(untidy_lines("\tx\ny ")))


# Spelled in pieces, so that this file does not find itself.
ELSEWHERE = re.compile("|".join([
    "/wo" r"rk/\w", "/tm" "p/wt", r"\.\./sha" "red", r"\bissues? #\d", r"\bissues sh" "ow", "seed-ro" "ws", r"\bhouse\.m" "d",
    "cla" "ude", "anthr" "opic", "chat" "gpt", "co" "pilot", r"\bgpt-\d", "language mo" "del", r"\bai[- ]gener" "ated",
    r"\bwork" "tree", r"/va" "r/tmp/", "/ro" "ot/"]), re.IGNORECASE)


class Voice(unittest.TestCase):
    def test_the_project_speaks_of_itself_alone(self):
        wrong = [f"{path}:{number}: {match.group()}" for path in text_files()
                 for number, line in enumerate(house.read(path).splitlines(), 1)
                 if (match := ELSEWHERE.search(line))]
        self.assertEqual([], wrong, "names a workplace that readers do not have")

    def test_the_check_sees_planted_violations(self):
        for line in ["see /wo" "rk/shared", "in ../sha" "red/x.md", "as Issue" " #12 says", "/tm" "p/wt/x"]:
            self.assertIsNotNone(ELSEWHERE.search(line), line)
        for line in ["a tissue", "rust-lang/rust#128704", "temporary files in /tmp", "fieldwork/is"]:
            self.assertIsNone(ELSEWHERE.search(line), line)


if __name__ == "__main__":
    unittest.main()
