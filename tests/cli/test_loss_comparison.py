"""./dev bench --loss: what is made of what the askers say, and what is refused. Nothing is measured here."""

import subprocess
import sys
import unittest
import xml.etree.ElementTree

import holler_test

BENCH = holler_test.SOURCE / "bench"
sys.path.insert(0, str(BENCH))
from comparison import lossy_cases, lossy_page, lossy_plots, lossy_summary, lossy_table, page, results

HOLLER, COAP = lossy_cases.BY_NAME["holler"], lossy_cases.BY_NAME["libcoap"]
PATH = next(path for path in lossy_cases.PATHS if path.loss == 5)


def said(took, repeated=0, received=None, asked=None, repeats=None):
    """What one run has said; times in microseconds."""
    return {"began": 0, "asked": asked or [0] * len(took), "took": took, "repeats": repeats or [0] * len(took), "repeated": repeated,
            "relay": {"up": {"received": len(took) + repeated if received is None else received, "kernel_drops": 0}},
            "relay_began": 0}


class Summary(unittest.TestCase):
    def test_what_was_not_answered_took_for_ever(self):
        numbers = lossy_summary.of_path(COAP, [said([10_000] * 98 + [None] * 2)])
        self.assertEqual((numbers["unanswered"], numbers["p50"], numbers["p99"], numbers["p999"]), (2, 10, None, None))

    def test_the_questions_of_all_runs_count_the_same(self):
        numbers = lossy_summary.of_path(COAP, [said([1_000] * 10), said([3_000] * 30, repeated=10)])
        self.assertEqual((numbers["questions"], numbers["p50"], numbers["requests_per_answer"]), (40, 3, 1.25))

    def test_a_relay_that_has_counted_otherwise_is_noticed_where_requests_travel_alone(self):
        self.assertEqual(lossy_summary.of_path(COAP, [said([1] * 5, received=4)])["miscounted"], 1)
        self.assertEqual(lossy_summary.of_path(HOLLER, [said([1] * 5, received=1)])["miscounted"], 0)

    def test_repeats_are_counted_before_the_step_and_after_it(self):
        step = int(lossy_cases.STEP.step_seconds * 1e6)
        run = said([100_000, 100_000, 400_000], repeated=5, asked=[0, step - 200_000, step], repeats=[1, 2, 5])
        numbers = lossy_summary.of_step(lossy_cases.STEP, COAP, [run])
        self.assertEqual(numbers["before"], {"questions": 2, "repeated": 2})
        self.assertEqual((numbers["after"], numbers["needless_per_question"]), ({"questions": 1, "repeated": 3}, 3))

    def test_a_target_is_met_by_numbers_alone(self):
        def rows(holler, libcoap):
            outcome = {"holler": {"p99": holler, "requests_per_answer": 1.1}, "libcoap": {"p99": libcoap}}
            return [met for _, _, met in lossy_summary.targets({PATH.name: outcome})]
        self.assertEqual(rows(100, 200), [True, True])
        self.assertEqual(rows(101, 200), [False, True])
        self.assertEqual(rows(100, None), [True, True])
        self.assertEqual(rows(None, None), [False, True])


class Shown(unittest.TestCase):
    def test_tables_and_plots_show_what_was_never_answered_and_what_failed(self):
        never = lossy_summary.of_path(COAP, [said([None] * 20)])
        outcome = {"holler": lossy_summary.of_path(HOLLER, [said([10_000] * 20)]), "libcoap": never, "enet": {"failed": "no word"}}
        text = lossy_table.of_path(PATH, outcome)
        self.assertIn("never", text)
        self.assertIn("failed: no word", text)
        drawing = lossy_plots.draw(PATH.round_trip_ms, {PATH.name: outcome})
        xml.etree.ElementTree.fromstring(drawing)
        self.assertIn("never", drawing)
        xml.etree.ElementTree.fromstring(lossy_plots.draw(PATH.round_trip_ms, {}))

    def test_each_path_and_plot_is_on_the_page_once(self):
        used = page.COMMAND.findall(page.TEMPLATE.read_text(encoding="utf-8"))
        self.assertEqual(sorted(lossy_page.PATHS), sorted(name for what, name in used if what == "loss"))
        self.assertEqual(sorted(lossy_plots.TITLES), sorted(name for what, name in used if what == "loss_plot"))

    def test_the_plots_are_those_that_the_results_make(self):
        for name, drawing in lossy_plots.draw_all(results.read()["loss"]).items():
            self.assertEqual(drawing, (page.PLOTS / f"{name}.svg").read_text(encoding="utf-8"), name)


class CommandLine(unittest.TestCase):
    def test_what_makes_no_sense_is_refused(self):
        for words in (["--only", "["], ["--only", "nothing"], ["--rounds", "0"], ["--rounds", "x"], ["--speed"]):
            with self.subTest(words=words):
                done = subprocess.run([sys.executable, BENCH / "loss.py", *words], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr)


if __name__ == "__main__":
    holler_test.main()
