"""What `holler impair` does, measured from outside, is what was asked of it.

With fixed seeds and one sender, the fates are the same in every run. The bounds are four standard deviations of what
was asked, so that they would hold for other seeds, too. Times are bounded from below only: a machine under load is
late, and never early.
"""

import math
import unittest

import holler_test
import impair

DATAGRAMS = 4000
AT_ONCE = 100  # fits any receive buffer


class Measured:
    """A run: which of the numbered datagrams arrived, when, and in which order."""

    def __init__(self, *arguments, datagrams=DATAGRAMS):
        sent, self.arrivals = {}, []
        with impair.Target() as target, impair.Relay(target.endpoint, *arguments) as relay, impair.client() as sock:
            for first in range(0, datagrams, AT_ONCE):
                for number in range(first, first + AT_ONCE):
                    sent[number] = impair.time.monotonic()
                    sock.sendto(b"%d" % number, relay.address)
                relay.wait_for_received("up", first + AT_ONCE)
            up = relay.wait_for(lambda counters: counters["up"]["pending"] == 0)["up"]
            self.arrivals = [(when, int(data)) for when, data, _ in target.take(up["delivered"])]
            self.up = relay.finish()["up"]
        assert self.up["received"] == datagrams and self.up["kernel_drops"] == 0, self.up
        self.datagrams = datagrams
        self.order = [number for _, number in self.arrivals]
        self.arrived = set(self.order)
        self.took = [when - sent[number] for when, number in self.arrivals]

    def lost_runs(self):
        """The lengths of unbroken runs of lost datagrams."""
        runs, length = [], 0
        for number in range(self.datagrams + 1):
            if number < self.datagrams and number not in self.arrived:
                length += 1
            elif length:
                runs.append(length)
                length = 0
        return runs


class Statistics(unittest.TestCase):
    def assert_share(self, count, trials, probability, correlation=1.0):
        """`count` of `trials` is what `probability` gives, within four standard deviations."""
        deviation = 4 * math.sqrt(trials * probability * (1 - probability)) * correlation
        self.assertLessEqual(abs(count - trials * probability), deviation, f"{count} of {trials}, for {probability}")

    def test_loss_is_what_was_asked(self):
        run = Measured("--loss", "20%", "--seed", 7)
        lost = DATAGRAMS - len(run.arrived)
        self.assert_share(lost, DATAGRAMS, 0.2)
        self.assertEqual(run.up["lost_by"], {"chance": lost})
        self.assertEqual(len(run.order), len(run.arrived))
        self.assertEqual(run.order, sorted(run.order))
        runs = run.lost_runs()  # of independent losses: 1 / (1 - 0.2) long
        self.assertLess(abs(sum(runs) / len(runs) - 1.25), 4 * math.sqrt(0.2) / 0.8 / math.sqrt(len(runs)))

    def test_bursts_have_the_share_and_the_length_that_was_asked(self):
        run = Measured("--burst-loss", "5%,25%", "--seed", 7)
        lost = DATAGRAMS - len(run.arrived)
        share = 0.05 / (0.05 + 0.25)
        # Neighbours share their fate: the variance is (2 - p - r) / (p + r) times that of independent losses.
        self.assert_share(lost, DATAGRAMS, share, correlation=math.sqrt((2 - 0.3) / 0.3))
        self.assertEqual(run.up["lost_by"], {"burst": lost})
        runs = run.lost_runs()  # 1 / 0.25 long, with a standard deviation of sqrt(1 - 0.25) / 0.25
        self.assertLess(abs(sum(runs) / len(runs) - 4), 4 * math.sqrt(0.75) / 0.25 / math.sqrt(len(runs)))

    def test_duplicates_are_the_share_that_was_asked(self):
        run = Measured("--duplicate", "5%", "--seed", 7)
        twice = len(run.order) - len(run.arrived)
        self.assert_share(twice, DATAGRAMS, 0.05)
        self.assertEqual(run.up["duplicated"], twice)
        self.assertEqual(len(run.arrived), DATAGRAMS)
        self.assertTrue(all(run.order.count(number) <= 2 for number in list(run.arrived)[:200]))

    def test_reordering_is_the_share_that_was_asked(self):
        # Held back for so long that others overtake, however slow this machine is.
        run = Measured("--reorder", "5%,1s", "--seed", 7)
        self.assert_share(run.up["held_back"], DATAGRAMS, 0.05)
        self.assertEqual(sorted(run.order), list(range(DATAGRAMS)), "nothing is lost, and nothing doubled")
        late, latest = 0, -1
        for number in run.order:
            late += number < latest
            latest = max(latest, number)
        self.assertLessEqual(late, run.up["held_back"])
        self.assertGreater(late, run.up["held_back"] // 2)
        self.assertGreaterEqual(sum(took >= 1.0 for took in run.took), run.up["held_back"])

    def test_delay_and_jitter_are_at_least_what_was_asked(self):
        run = Measured("--delay", "50ms", "--jitter", "10ms", "--seed", 7, datagrams=2000)
        self.assertEqual(run.arrived, set(range(2000)))
        self.assertGreaterEqual(min(run.took), 0.050)
        # Half of them have half of the jitter; a machine that is late can only make that more.
        self.assertGreater(sum(took >= 0.055 for took in run.took), 1000 - 4 * math.sqrt(2000 * 0.25))
        self.assertNotEqual(run.order, sorted(run.order), "jitter lets datagrams overtake")

    def test_corruption_is_the_share_that_was_asked(self):
        with impair.Target() as target, \
                impair.Relay(target.endpoint, "--corrupt", "10%", "--seed", 7) as relay, impair.client() as sock:
            text = bytes(range(64))
            altered = 0
            for round_ in range(20):
                for _ in range(AT_ONCE):
                    sock.sendto(text, relay.address)
                relay.wait_for_received("up", (round_ + 1) * AT_ONCE)
                for _, data, _ in target.take(AT_ONCE):
                    self.assertEqual(len(data), len(text))
                    altered += data != text
            self.assert_share(altered, 20 * AT_ONCE, 0.1)
            self.assertEqual(relay.finish()["up"]["corrupted"], altered)

    def test_a_rate_takes_its_time(self):
        # Packets of 100 bytes with their headers: 10 ms each.
        with impair.Target() as target, impair.Relay(target.endpoint, "--rate", "80kbit") as relay, \
                impair.client() as sock:
            begin = impair.time.monotonic()
            for _ in range(20):
                sock.sendto(bytes(72), relay.address)
            for count, (when, _, _) in enumerate(target.take(20), 1):
                self.assertGreaterEqual(when - begin, count * 0.010)
            relay.finish()

    def test_the_same_seed_has_the_same_luck_and_another_has_not(self):
        arguments = ("--loss", "30%", "--duplicate", "10%")
        first = Measured(*arguments, "--seed", 7, datagrams=500)
        again = Measured(*arguments, "--seed", 7, datagrams=500)
        other = Measured(*arguments, "--seed", 8, datagrams=500)
        self.assertEqual(first.order, again.order)
        self.assertNotEqual(first.order, other.order)


if __name__ == "__main__":
    holler_test.main()
