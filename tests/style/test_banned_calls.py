"""wire, core, link and sim take time, randomness and datagrams as arguments: they may not fetch them themselves."""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import house

SYSTEM = re.compile(r"^(sys/|net/|netinet|netpacket/|netdb\.h|arpa/|linux/|asm/|bits/|poll\.h|ifaddrs\.h|unistd\.h|"
                    r"fcntl\.h|pthread\.h|signal\.h|time\.h|sodium\.h|syslog\.h)")
IMPURE = {"random", "thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "stop_token",
          "semaphore", "latch", "barrier", "iostream", "fstream", "ostream", "istream", "print", "syncstream",
          "filesystem", "csignal", "ctime", "coroutine"}
CALLS = {
    "a clock": r"::now\s*\(|\bclock_gettime\s*\(|\bgettimeofday\s*\(|\bstd::time\s*\(|\b(steady|system|high_resolution)_clock\b",
    "randomness of its own": r"\brandom_device\b|\w_distribution\b|\bmt19937|\bs?rand(om)?\s*\(|\bgetrandom\s*\(|\brandombytes_",
    "a thread or a wait": r"\bstd::(j?thread|mutex|async|atomic|condition_variable|this_thread)\b|\bsleep(_for|_until)?\s*\(|\bpthread_",
    "output": r"\bstd::(cout|cerr|clog|puts|print|println)\b|\b(f|v|d|vf)?printf\s*\(|\bf?puts\s*\(|\bsyslog\s*\(",
    "the environment": r"\b(secure_)?getenv\s*\(",
    "a socket": r"\b(socket|sendto|recvfrom|sendmsg|recvmsg|sendmmsg|recvmmsg)\s*\(\s*(AF_|fd|-|\w*_\.|socket)",
}
BANNED_CALLS = {what: re.compile(pattern) for what, pattern in CALLS.items()}
PURE_ROOMS = ("wire", "core", "link", "sim")


def complaints(code, room):
    """(line, what) of each banned include and call."""
    pure = room in PURE_ROOMS
    for line, included, quoted in house.includes(code):
        if quoted:
            continue
        if SYSTEM.match(included) and not (room == "base" and included == "sodium.h"):
            yield line, f"<{included}>"
        elif pure and included in IMPURE or included == "random":
            yield line, f"<{included}>"
    for line, text in enumerate(house.blank(code).splitlines(), 1):
        for what, pattern in BANNED_CALLS.items():
            if what == "output" and not pure:
                continue  # a failed CHECK must be able to say so
            match = pattern.search(text)
            if match:
                yield line, f"{what}: {match.group().strip()}"


class BannedCalls(unittest.TestCase):
    def test_the_inner_rooms_touch_no_clock_socket_thread_or_output(self):
        wrong = []
        for path in house.sources("src"):
            if path.parts[1] in (*PURE_ROOMS, "base"):
                wrong += [f"{path}:{line}: {what}" for line, what in complaints(house.read(path), path.parts[1])]
        self.assertEqual([], wrong)

    def test_the_check_sees_planted_violations(self):
        for line in [
            "#include <sys/socket.h>", "#include <netinet/in.h>", "#include <unistd.h>", "#include <random>",
            "#include <thread>", "#include <iostream>", "auto now = std::chrono::steady_clock::now();",
            "auto t = Clock::now ();", "std::random_device seed;", "std::uniform_int_distribution<int> die{1, 6};",
            "std::jthread worker;", 'std::printf("%d", 1);', "std::cout << 1;", 'getenv("HOME");', "x = rand();",
            "std::this_thread::sleep_for(1s);", "sendto(fd, data);",
        ]:
            self.assertTrue(list(complaints(line, "core")), line)

    def test_the_check_is_not_fooled_by_comments_strings_and_words_alike(self):
        for line in ["// std::cout << 1", 'const char* s = "Clock::now()";', "/* printf( */", "x = operand(y);",
                     "int known(int);", "const auto now = arguments.now;", "#include <chrono>", "snprintf_like(1);"]:
            self.assertEqual([], list(complaints(line, "core")), line)


if __name__ == "__main__":
    unittest.main()
