"""Who includes whom: the table of rooms holds in the text, in CMake and in the compiler."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house

_, PUBLIC = house.rooms_in_cmake()
THIRD_PARTY = {"cli": re.compile(r"^(CLI/|fmt/|nlohmann/|spdlog/)"), "net": re.compile(r"^sodium\.h$"),
               "base": re.compile(r"^sodium\.h$"), "runtime": re.compile(r"^sodium\.h$"),
               "wire": re.compile(r"^sodium\.h$"), "core": re.compile(r"^(sodium\.h$|boost/unordered/)")}
# Headers of the system are for the rooms that meet it, and for programs; tests/style/test_banned_calls.py
# says which of them the other rooms must not touch.
STANDARD = re.compile(r"^[a-z_]+$")


def room_of(path):
    """The room that a file is in: a room of src/, "cli", "examples", or for a public header the room it belongs to."""
    if path.parts[0] == "src":
        return path.parts[1]
    if path.parts[0] == "include":
        return PUBLIC.get("/".join(path.parts[1:]), "holler.hpp" if path.name == "holler.hpp" else None)
    return path.parts[0]


def complaint(path, included, quoted):
    """What is wrong with `path` including this, or None."""
    room = room_of(path)
    first = included.split("/")[0]
    if ".." in included.split("/"):
        return "climbs out of its folder"
    if not quoted:
        if first in ("holler", "src", "tests", *house.ROOMS) and included.endswith(".hpp"):
            return "is the project's own: use quotes"
        if STANDARD.match(included) or included.endswith(".h"):
            return None
        third_party = THIRD_PARTY.get(room)
        return None if third_party and third_party.match(included) else "is a third party's, and not for this room"
    if first == "holler":
        target = PUBLIC.get(included)
        if room in ("cli", "examples", "holler.hpp"):
            return None
        if target is None:
            return "belongs to no room in CMakeLists.txt"
    elif first in house.ROOMS:
        target = first
        if path.parts[0] == "include":
            return "is private, and this header is public"
    elif room in ("cli", "examples") and first == room or room == "cli" and THIRD_PARTY["cli"].match(included):
        return None
    else:
        return "is of no room"
    if target == room or target in house.ROOMS.get(room, set()):
        return None
    if (room, target) == ("cli", "sim"):
        return None
    return f"is of {target}, which {room} may not see"


class Includes(unittest.TestCase):
    def test_every_include_is_allowed_by_the_table_of_rooms(self):
        wrong = [f'{path}:{line}: "{included}" {why}'
                 for path in house.sources("src", "include", "cli", "examples")
                 for line, included, quoted in house.includes(house.read(path))
                 if (why := complaint(path, included, quoted))]
        self.assertEqual([], wrong)

    def test_nothing_anywhere_includes_upwards(self):
        wrong = [f"{path}:{line}" for path in house.sources("tests", "bench")
                 for line, included, _ in house.includes(house.read(path)) if ".." in included.split("/")]
        self.assertEqual([], wrong)

    def test_cmake_has_the_same_table(self):
        depends, headers = house.rooms_in_cmake()
        self.assertEqual(house.ROOMS, depends)
        on_disk = {"holler/" + path.name for path in house.sources("include")} - {"holler/holler.hpp"}
        self.assertEqual(on_disk, set(headers), "a public header that no room answers for, or the reverse")

    def test_the_check_sees_planted_violations(self):
        path = pathlib.PurePosixPath
        for where, line in [
            ("src/core/x.cpp", '#include "net/fd.hpp"'),
            ("src/core/x.cpp", '# include "holler/udp_socket.hpp"'),
            ("src/wire/x.cpp", '#include "core/backoff.hpp"'),
            ("src/sim/x.cpp", '#include "runtime/loop.hpp"'),
            ("src/net/x.cpp", '#include "../core/backoff.hpp"'),
            ("src/base/x.cpp", "#include <fmt/core>"),
            ("src/base/x.cpp", "#include <holler/time.hpp>"),
            ("include/holler/client.hpp", '#include "core/backoff.hpp"'),
            ("include/holler/codec.hpp", '#include "holler/requester.hpp"'),
            ("cli/x.cpp", '#include "core/backoff.hpp"'),
            ("cli/x.cpp", '#include "src/core/backoff.hpp"'),
            ("examples/x.cpp", '#include "net/fd.hpp"'),
            ("examples/x.cpp", '#include "cli/output.hpp"'),
        ]:
            (_, included, quoted), = house.includes(line)
            self.assertIsNotNone(complaint(path(where), included, quoted), f"{where}: {line}")
        self.assertIsNone(complaint(path("src/core/x.cpp"), "wire/codec.hpp", True))
        self.assertEqual([], house.includes('// #include "net/fd.hpp"\n/*\n#include "net/fd.hpp"\n*/'))


class Fence(unittest.TestCase):
    """What the compiler is told: a forbidden include is "no such file", not a matter of discipline."""

    def setUp(self):
        commands = pathlib.Path(os.environ.get("HOLLER_BIN", house.ROOT / "build/release/bin")).parent
        commands /= "compile_commands.json"
        if not commands.exists():
            self.skipTest(f"no build to look at: {commands} is missing")
        self.entries = json.loads(commands.read_text())

    def sees(self, folder, included):
        """Whether the preprocessor, run as for the files of `folder`, finds this include."""
        entry = next((e for e in self.entries if pathlib.Path(e["file"]).parent == house.ROOT / folder), None)
        if entry is None:
            self.skipTest(f"nothing of {folder} is compiled")
        words = [word for word in shlex.split(entry["command"]) if pathlib.Path(word).name != "ccache"]
        flags = [word for word in words[1:] if word.startswith(("-I", "-isystem", "-D", "-std"))]
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as probe:
            probe.write(f'#include "{included}"\n')
            probe.flush()
            run = subprocess.run([words[0], *flags, "-E", "-o", os.devnull, probe.name], cwd=entry["directory"],
                                 capture_output=True, text=True)
        if run.returncode != 0:
            self.assertRegex(run.stderr, r"No such file|file not found")
        return run.returncode == 0

    def test_a_room_sees_the_rooms_of_its_row_and_no_others(self):
        one_header = {room: next(str(pathlib.PurePosixPath(*path.parts[1:])) for path in house.sources("src")
                                 if path.parts[1] == room and path.suffix == ".hpp")
                      for room in house.ROOMS if any((house.ROOT / "src" / room).glob("*.hpp"))}
        for header, room in PUBLIC.items():
            one_header.setdefault("public " + room, header)
        for room, allowed in house.ROOMS.items():
            for target, header in one_header.items():
                with self.subTest(room=room, header=header):
                    expected = target.split()[-1] in allowed | {room}
                    self.assertEqual(expected, self.sees("src/" + room, header))

    def test_command_and_examples_see_public_headers_alone(self):
        private = [str(pathlib.PurePosixPath(*path.parts[1:])) for path in house.sources("src") if path.suffix == ".hpp"]
        for folder in ("cli", "examples"):
            if not any((house.ROOT / folder).glob("*.cpp")):
                continue
            self.assertTrue(self.sees(folder, "holler/client.hpp"))
            self.assertFalse(self.sees(folder, private[0]))
            self.assertFalse(self.sees(folder, "src/" + private[0]))


if __name__ == "__main__":
    unittest.main()
