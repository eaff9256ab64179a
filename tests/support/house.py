"""What the style tests know of the project: its files, its rooms, and how to read C++ without compiling it."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(os.environ.get("HOLLER_SOURCE") or pathlib.Path(__file__).resolve().parents[2])

# Who may include whom. CMakeLists.txt says the same to the compiler; test_includes.py compares the two.
ROOMS = {
    "base": set(),
    "wire": {"base"},
    "core": {"wire", "base"},
    "net": {"base"},
    "link": {"base"},
    "runtime": {"core", "wire", "link", "net", "base"},
    "sim": {"core", "wire", "link", "base"},
}
SOURCES = (".hpp", ".cpp", ".c", ".h")


def project_files():
    """Every file of the project, relative to its root: what git knows of, or what lies there without git."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
           "--exclude-standard"]
    try:
        listed = subprocess.run(git, capture_output=True, check=True).stdout.decode().split("\0")
        names = [name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, files in os.walk(ROOT):
            inside = pathlib.Path(folder).relative_to(ROOT)
            folders[:] = [f for f in folders if f not in (".git", ".cache", "__pycache__") and str(inside / f) != "build"]
            names += [str(inside / file) for file in files]
    return sorted(path for path in map(pathlib.PurePosixPath, names) if (ROOT / path).is_file())


def sources(*folders):
    """The C and C++ files under these folders."""
    return [path for path in project_files() if path.suffix in SOURCES and path.parts[0] in folders]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'  # comments
    r'|(?:u8|[uUL])?R"(?P<delimiter>[^()\s\\]{0,16})\(.*?\)(?P=delimiter)"'  # raw strings
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'",  # a character, not the ' of 1'000
    re.DOTALL)


def blank(code, keep_strings=False):
    """The code with comments (and strings) replaced by spaces, so that every other character keeps its place."""
    def spaces(match):
        text = match.group()
        if keep_strings and text[0] not in "/":
            return text
        return "".join(c if c == "\n" else " " for c in text)
    return _TOKEN.sub(spaces, code)


def includes(code):
    """(line, text between the brackets or quotes, is quoted) of each #include."""
    found = []
    for number, line in enumerate(blank(code, keep_strings=True).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            found.append((number, match.group(2), match.group(1) == '"'))
    return found


def rooms_in_cmake():
    """(room -> rooms it depends on, public header -> room), as CMakeLists.txt has them."""
    text = re.sub(r"#[^\n]*", "", read("CMakeLists.txt"))
    depends, headers = {}, {}
    for call in re.findall(r"holler_room\(([^)]*)\)", text):
        name, *words = call.split()
        into = None
        depends[name] = set()
        for word in words:
            if word in ("DEPENDS", "PUBLIC_HEADERS"):
                into = word
            elif word.isupper():
                into = None
            elif into == "DEPENDS":
                depends[name].add(word)
            elif into == "PUBLIC_HEADERS":
                headers["holler/" + word] = name
    return depends, headers
