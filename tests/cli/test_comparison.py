"""./dev bench: what is made of measured numbers, and what is refused. Nothing is measured here."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import holler_test

BENCH = holler_test.SOURCE / "bench"
sys.path.insert(0, str(BENCH))
from comparison import cases, measuring, page, plots, results, running, systems, table, targets


def numbers(rate, **others):
    return {"rate": rate, "least": rate * 9 // 10, "most": rate * 11 // 10, "server_ns": 400.0, "server_busy": 0.95,
            "load_busy": 0.5, "others_busy": 0.01, "lost": 0, "retransmitted": 0, "p50": 50_000, "p90": 60_000, "p99": 90_000,
            "p999": 1_200_000, **others}


def found():
    """A run of three cases."""
    return {"date": "2001-02-03", "machine": {"processor": "Abacus", "processors": 2, "kernel": "6.1", "system": "Debian",
                                              "compiler": "g++ 12"},
            "versions": {"holler": "0.1.0"}, "rounds": 1, "seconds": 0.5,
            "cases": {
                "w1024": {"bare-joined": numbers(20_000_000), "holler": numbers(11_000_000), "enet": numbers(1_100_000, lost=1234),
                          "zeromq": {"failed": "it said nothing"}},
                "one-blocking": {"bare-one": numbers(15_000), "holler": numbers(14_000, p50=60_000)},
                "one-spinning": {"bare-one": numbers(150_000), "holler": {"cannot": "it sleeps"}},
            }}


class Page(unittest.TestCase):
    def test_the_template_is_filled_with_the_numbers_that_were_measured(self):
        text = page.fill(page.TEMPLATE.read_text(encoding="utf-8"), found())
        self.assertNotIn("{{", text)
        self.assertIn("2 processors of Abacus, Debian, Linux 6.1, g++ 12; 1 round of 0.5 s.", text)
        self.assertIn("| **holler** | 11.000 M | 9.900 M – 12.100 M | 0.55 | × 1.00 | 50 µs | 90 µs | 400 | 95% / 50% | server |", text)
        self.assertIn("1,234 lost", text)
        self.assertIn("**1,000 clients × 1, 32 B, loopback**: not measured.", text)
        self.assertIn("it sleeps", text)

    def test_each_case_and_plot_is_on_the_page_once(self):
        used = page.COMMAND.findall(page.TEMPLATE.read_text(encoding="utf-8"))
        self.assertEqual(sorted(case.name for case in cases.CASES), sorted(name for what, name in used if what == "case"))
        self.assertEqual(sorted(plots.TITLES), sorted(name for what, name in used if what == "plot"))

    def test_the_page_is_the_one_that_the_results_make(self):
        made = page.fill(page.TEMPLATE.read_text(encoding="utf-8"), results.read())
        self.assertEqual(made, page.PAGE.read_text(encoding="utf-8"), "./dev bench --render makes it again")
        for name, drawing in plots.draw_all(results.read()).items():
            self.assertEqual(drawing, (page.PLOTS / f"{name}.svg").read_text(encoding="utf-8"), name)

    def test_that_others_used_the_machine_is_said(self):
        crowded = found()
        crowded["cases"]["w1024"]["enet"]["others_busy"] = 0.5
        text = page.fill("{{machine}}\n{{case w1024}}\n", crowded)
        self.assertIn("say little** where the tables tell so: w1024.", text)
        self.assertIn("others used 50% of a processor", text)

    def test_results_come_back_as_they_were_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "results.json")
            results.write(found(), path)
            self.assertEqual(found(), results.read(path))


class Targets(unittest.TestCase):
    def verdict(self, *given, **named):
        return targets.Target(*given, **named).verdict(found())

    def test_a_target_is_met_or_missed_by_so_much(self):
        self.assertEqual(("11.000 M/s", "yes"), self.verdict("w1024", 10e6))
        self.assertEqual(("0.55 ×", "yes"), self.verdict("w1024", 0.5, "bare-joined"))
        self.assertEqual(("10.00 ×", "no: short by a factor of 2.00"), self.verdict("w1024", 20, "enet"))
        self.assertEqual(("1.20 ×", "no: 1.09 times too long"), self.verdict("one-blocking", 1.1, "bare-one", "p50"))
        self.assertEqual(("1.20 ×", "yes"), self.verdict("one-blocking", 1.2, "bare-one", "p50"))

    def test_what_was_not_measured_is_not_met(self):
        self.assertEqual(("–", "it sleeps"), self.verdict("one-spinning", 1.1, "bare-one", "p50"))
        self.assertEqual(("–", "it said nothing"), self.verdict("w1024", 3, "zeromq"))
        self.assertEqual(("–", "not measured"), self.verdict("clients1000", 0.9, "bare-one"))

    def test_they_name_cases_and_systems_that_there_are(self):
        for target in targets.TARGETS:
            self.assertTrue(target.text)
            for system in filter(None, (target.system, target.other)):
                self.assertTrue(cases.BY_NAME[target.case].has(systems.BY_NAME[system]), target.text)


class Plots(unittest.TestCase):
    def test_they_are_drawings_with_the_systems_names(self):
        for name, drawing in plots.draw_all(found()).items():
            words = "".join(xml.etree.ElementTree.fromstring(drawing).itertext())
            self.assertIn("holler", words, name)
            self.assertIn("prefers-color-scheme: dark", drawing)

    def test_without_numbers_they_say_so(self):
        for drawing in plots.draw_all({"cases": {}}).values():
            self.assertIn("not measured", drawing)

    def test_labels_keep_a_line_of_text_between_them(self):
        wanted = [100, 101, 300, 99, 305, 20]
        placed = sorted(zip(wanted, plots.spread(wanted)))
        for (_, above), (_, below) in zip(placed, placed[1:]):
            self.assertGreaterEqual(below - above, plots.LABEL_PIXELS - 1e-9)


class Numbers(unittest.TestCase):
    def test_medians_and_spread_are_those_of_the_rounds(self):
        said = {"answered": 1000, "seconds": 0.5, "cpu_seconds": 0.4, "lost": 1, "retransmitted": 0, "note": "", "p50": 7, "p90": 8,
                "p99": 9, "p999": 10}
        rounds = [running.numbers({**said, "answered": answered}, server_ns=250_000_000, machine_seconds=0.75)
                  for answered in (1000, 3000, 2000)]
        made = measuring.summary(rounds)
        self.assertEqual((4000, 2000, 6000), (made["rate"], made["least"], made["most"]))
        self.assertEqual((0.5, 0.8, 0.2, 3), (made["server_busy"], made["load_busy"], made["others_busy"], made["lost"]))
        self.assertEqual(125_000, made["server_ns"])
        with self.assertRaises(running.Failed):
            running.numbers({**said, "answered": 0}, 0, 0)

    def test_rates_and_times_are_short(self):
        self.assertEqual(["1.500 M", "999.0 k", "0.0 k"], [table.rate(value) for value in (1.5e6, 999e3, 3)])
        self.assertEqual(["999 ns", "1 µs", "12.3 ms", "1.5 s"], [table.duration(value) for value in (999, 1000, 12.3e6, 1.5e9)])
        self.assertEqual(["0.0031", "0.55", "12", ""], [table.ratio(*pair) for pair in ((31, 10000), (55, 100), (120, 10), (1, None))])


class CommandLine(unittest.TestCase):
    def refused(self, *words):
        done = holler_test.run_program([sys.executable, str(BENCH / "compare.py"), *words])
        self.assertEqual((2, ""), (done.returncode, done.stdout), words)
        return done.stderr

    def test_what_makes_no_sense_is_refused(self):
        for words in (["--rounds", "0"], ["--rounds", "many"], ["--seconds", "nan"], ["--seconds", "1e9"], ["--only", "("],
                      ["--fast"], ["quick"]):
            self.assertIn("error: ", self.refused(*words))
        self.assertIn("leaves nothing to measure", self.refused("--only", "no-such-case"))

    def test_the_programs_refuse_it_too(self):
        names = sorted({system.program for system in systems.SYSTEMS})
        built = [path for name in names if (path := holler_test.BIN / f"peer_{name}").exists()]
        if not built:
            self.skipTest("bench/peers is not built")
        for path in built:
            for words in ([], ["rest"], ["load"], ["load", "--to", "localhost:1"], ["load", "--to", "127.0.0.1:9", "--bytes", "3"],
                          ["serve", "--port", "65536"], ["serve", "--port"], ["serve", "--seconds", "1"]):
                done = holler_test.run_program([str(path), *words])
                self.assertEqual((2, ""), (done.returncode, done.stdout), (path.name, words))
                self.assertRegex(done.stderr, rf"^{path.name}: ")

    def test_a_program_says_what_it_cannot_do(self):
        holler = holler_test.program("peer_libcoap")
        done = holler_test.run_program([holler, "load", "--to", "127.0.0.1:9", "--bytes", "16384"])
        self.assertEqual(3, done.returncode)
        self.assertIn("one datagram", json.loads(done.stdout)["cannot"])


if __name__ == "__main__":
    holler_test.main()
