"""What `cmake --install` leaves behind is enough to build against: find_package(holler), holler::holler."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house

CMAKE_LISTS = """
cmake_minimum_required(VERSION 3.25)
project(stranger LANGUAGES CXX)
find_package(holler 0.1 REQUIRED)
add_executable(stranger main.cpp)
target_link_libraries(stranger PRIVATE holler::holler)
"""
# Includes everything, and calls into the library, so that it is linked.
MAIN = """
#include <holler/holler.hpp>

#include <cstdio>

int main() {
  holler::SeededRandom random{1};
  const std::string text = holler::format("{} {}", "stranger", random.below(10) < 10);
  return std::puts(text.c_str()) < 0 ? 1 : 0;
}
"""


class Install(unittest.TestCase):
    def run_or_fail(self, *command, cwd=None):
        run = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        self.assertEqual(0, run.returncode, f"{command}\n{run.stdout}\n{run.stderr}")
        return run.stdout

    def test_a_project_of_its_own_builds_against_what_is_installed(self):
        build = pathlib.Path(os.environ.get("HOLLER_BIN", house.ROOT / "build/release/bin")).parent
        if not (build / "libholler.a").exists():
            self.skipTest(f"nothing is built in {build}")
        cache = (build / "CMakeCache.txt").read_text()
        if "HOLLER_SANITIZE:STRING=\n" not in cache or "--coverage" in cache:
            self.skipTest("a sanitized library is not for installing")
        with tempfile.TemporaryDirectory() as folder:
            prefix, source, out = (pathlib.Path(folder, name) for name in ("prefix", "source", "out"))
            self.run_or_fail("cmake", "--install", build, "--prefix", prefix)
            self.assertTrue((prefix / "bin/holler").exists())
            source.mkdir()
            (source / "CMakeLists.txt").write_text(CMAKE_LISTS)
            (source / "main.cpp").write_text(MAIN)
            compiler = os.environ.get("HOLLER_CXX", "g++")
            self.run_or_fail("cmake", "-G", "Ninja", "-S", source, "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}",
                             f"-DCMAKE_CXX_COMPILER={compiler}")
            self.run_or_fail("cmake", "--build", out)
            self.assertEqual("stranger true\n", self.run_or_fail(out / "stranger"))
            installed = {path.name for path in (prefix / "include/holler").iterdir()}
            self.assertEqual({path.name for path in house.sources("include")}, installed)


if __name__ == "__main__":
    unittest.main()
