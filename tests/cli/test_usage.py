"""What the command does with a command line, before it does anything else."""

import pathlib
import resource
import unittest

import holler_test
from holler_test import run

USAGE = 2


class Usage(unittest.TestCase):
    def refuses(self, reason, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, USAGE, (arguments, result.stderr))
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"^holler: ")
        self.assertIn(reason, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, "one line says it all")

    def test_version_and_help_are_answers(self):
        self.assertRegex(run("--version").stdout, r"^holler \d+\.\d+\.\d+\n$")
        for arguments in (["--help"], ["ask", "--help"], ["serve", "--help"], ["ports", "--help"]):
            result = run(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("Examples:", result.stdout)
            self.assertIn("Exit codes:", result.stdout)

    def test_nothing_to_do_is_a_usage_error(self):
        self.refuses("say what to do")

    def test_unknown_commands_and_options_are_usage_errors(self):
        self.refuses("shout", "shout")
        self.refuses("--louder", "ask", "localhost", "hello", "--louder")
        self.refuses("HOST", "ask")
        self.refuses("see 'holler ask --help'", "ask")

    def test_ports_are_numbers_from_0_to_65535_or_names(self):
        for port in ("65536", "12x", "-1", "", "no-such-service"):
            with self.subTest(port):
                self.refuses(port, "serve", f"--port={port}")
                self.refuses(port, "ask", "localhost", "hello", f"--port={port}")
                self.refuses(port, "ask", f"localhost:{port}", "hello")
        self.refuses("65536", "ask", "localhost", "hello", "-p", "65536")
        self.refuses("12x", "serve", "-p", "12x")
        self.refuses("port 0", "ask", "localhost:0", "hello")
        self.refuses("twice", "ask", "localhost:7", "hello", "-p", "7")

    def test_an_empty_host_is_a_usage_error(self):
        self.refuses("HOST", "ask", "", "hello")

    def test_an_option_without_its_value_is_not_an_option_left_out(self):
        for option, arguments in (("--exec", ["serve"]), ("--interface", ["serve"]),
                                  ("--source", ["ask", "localhost", "hello"]),
                                  ("--interface", ["ask", "localhost", "hello"])):
            with self.subTest(arguments):
                self.refuses(f"{option}: it is empty", *arguments, option, "")

    def test_what_is_not_understood_is_named_in_its_order(self):
        self.refuses("not understood: --louder 3;", "ask", "localhost", "hello", "--louder", "3")
        self.refuses("not understood: --deadline 1s;", "ask", "localhost", "--", "-hello", "--deadline", "1s")

    def test_what_is_quoted_does_not_command_the_terminal(self):
        for arguments in (["ask", "a\x1b[31mb", "hello"], ["serve", "a\x1b[31mb"], ["ports", "a\x1b[31mb"],
                          ["ask", "localhost", "hello", "--a\x1b[31mb"]):
            with self.subTest(arguments):
                said = run(*arguments).stderr
                self.assertIn("a\\x1B[31mb", said)
                self.assertNotIn("\x1b", said)

    def test_durations_say_what_is_wrong_with_them(self):
        for text in ("10", "fast", "1.5.5s", "10 parsecs", "-1s", "1e3s", "9999999h", "0", ""):
            with self.subTest(text):
                self.refuses("--deadline", "ask", "localhost", "hello", f"--deadline={text}")
        self.refuses("needs a unit; write 10ms", "ask", "localhost", "hello", "--deadline", "10")

    def test_shares_say_what_is_wrong_with_them(self):
        for text in ("50", "101%", "1.5", "-5%", "half", "%", "50%%", "0.000000000001%"):
            with self.subTest(text):
                self.refuses("--drop", "serve", f"--drop={text}")

    def test_counts_are_whole_numbers(self):
        for text in ("0", "-1", "1.5", "many", "4294967296"):
            with self.subTest(text):
                self.refuses("--count", "ask", "localhost", "hello", f"--count={text}")

    def test_blocks_of_addresses_are_checked(self):
        for text in ("192.0.2.0/33", "guinness", "2001:db8::/129", ""):
            with self.subTest(text):
                self.refuses("--allow", "serve", f"--allow={text}")

    def test_reply_templates_are_checked_before_anybody_asks(self):
        self.refuses("{size}", "serve", "--reply", "{size} bytes")
        self.refuses("{bytes}, {text} and {from}", "serve", "--reply", "open {")

    def test_options_that_contradict_each_other_are_refused(self):
        self.refuses("--echo", "serve", "--echo", "--reply", "x")
        self.refuses("--exec", "serve", "--exec", "cat", "--echo")
        self.refuses("--drop", "serve", "--seed", "1")
        self.refuses("--trace", "ask", "localhost", "hello", "--quiet", "--trace")
        self.refuses("smtp", "ask", "localhost", "hello", "--as", "smtp")

    def test_a_full_disk_is_noticed(self):
        for arguments in (["--version"], ["--help"], ["ports"], ["ports", "--json", "53"]):
            with self.subTest(arguments), open("/dev/full", "w") as full:
                result = run(*arguments, stdout=full)
                self.assertEqual(result.returncode, 4)
                self.assertIn("holler: cannot write to standard output: No space left on device", result.stderr)

    def test_without_descriptors_to_hear_of_signals_it_does_not_begin(self):
        if b"__ubsan_handle_dynamic_type" in pathlib.Path(holler_test.HOLLER).read_bytes():
            self.skipTest("UBSan needs a descriptor for each look at a vptr, and calls every object broken without one")

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))

        for arguments in (["serve", "-p", "0"], ["ask", "127.0.0.1:9", "hello"]):
            with self.subTest(arguments):
                result = run(*arguments, preexec_fn=few)
                self.assertEqual(result.returncode, 4, result.stderr)
                self.assertRegex(result.stderr, r"^holler: cannot watch for signals .*ulimit -n.*Too many open files")

    def test_colour_is_for_terminals(self):
        self.assertNotIn("\x1b", run("--help").stdout + run("ask").stderr)


if __name__ == "__main__":
    holler_test.main()
