"""Any UDP program can be put behind `holler impair`: dig and a real name server, the chapter's programs, Python."""

import unittest

import chapter
import dns_server
import holler_test
import impair

ZONE = """
$ORIGIN guinness.example.
$TTL 300
@   SOA ns1 host.master 1 7200 3600 1209600 60
@   NS ns1
ns1 A 192.0.2.53
box A 192.0.2.1
box AAAA 2001:db8::1
txt TXT "behind a bad network"
"""
BAD = ("--loss", "30%", "--duplicate", "10%", "--reorder", "10%,5ms", "--seed", "7")


class Dig(dns_server.WithDigAndNsd):
    ZONES = {"guinness.example": ZONE}

    def dig(self, port, *question):
        """What dig prints of the answer; it asks again after each second, up to 20 times."""
        result = holler_test.run_program([self.dig_path, "-r", "@127.0.0.1", "-p", str(port), "+time=1", "+tries=20",
                                          "+nocookie", "+short", *question])
        return result.returncode, [line for line in result.stdout.splitlines() if not line.startswith(";")]

    def test_dig_gets_its_answers_from_nsd_through_loss(self):
        questions = [("box.guinness.example", "A"), ("box.guinness.example", "AAAA"),
                     ("txt.guinness.example", "TXT"), ("guinness.example", "NS")]
        plain = [self.dig(self.nsd.port, *question) for question in questions]
        with impair.Relay(f"127.0.0.1:{self.nsd.port}", *BAD) as relay:
            self.assertEqual([self.dig(relay.port, *question) for question in questions], plain)
            summary = relay.finish()
        self.assertIn((0, ["192.0.2.1"]), plain)
        self.assertGreater(summary["up"]["lost"] + summary["down"]["lost"], 0, "nothing was lost: a kinder network")
        # dig asks from a new port each time, and the relay has a socket of its own for each.
        self.assertGreaterEqual(summary["clients_total"], len(questions))

    def test_dig_gives_up_where_nothing_passes(self):
        with impair.Relay(f"127.0.0.1:{self.nsd.port}", "--loss", "100%") as relay:
            result = holler_test.run_program([self.dig_path, "-r", "@127.0.0.1", "-p", str(relay.port), "+time=1",
                                              "+tries=1", "box.guinness.example"])
            self.assertNotEqual(result.returncode, 0)
            self.assertGreater(relay.finish()["up"]["lost"], 0)

    def test_holler_dns_gets_its_answers_in_the_same_way(self):
        with impair.Relay(f"127.0.0.1:{self.nsd.port}", *BAD) as relay:
            for _ in range(10):
                result = holler_test.run("dns", f"@{relay.endpoint}", "box.guinness.example", "A", "--short",
                                         "--first-wait", "50ms", "--deadline", "50s")
                self.assertEqual((result.returncode, result.stdout), (0, "192.0.2.1\n"), result.stderr)
            summary = relay.finish()
        self.assertGreater(summary["up"]["lost"] + summary["down"]["lost"], 0)


class ChapterPrograms(unittest.TestCase):
    def test_udp_remote_asks_again_until_it_gets_through(self):
        # The chapter's server drops half of what it hears by itself; its client gives up after five tries.
        port = chapter.free_port()
        with chapter.program("udp_remote", "server", "127.0.0.1", "-p", port) as server:
            server.match(rf"Listening at \('127\.0\.0\.1', {port}\)")
            with impair.Relay(f"127.0.0.1:{port}", "--loss", "10%", "--delay", "1ms", "--seed", "7") as relay:
                for _ in range(10):
                    code, lines, errors = chapter.run("udp_remote", "client", "127.0.0.1", "-p", relay.port)
                    if code == 0:
                        break
                self.assertEqual((code, errors), (0, ""))
                self.assertEqual(lines[-1], "The server says 'Your data was 23 bytes long'")
                relay.finish()
            server.stop()

    def test_udp_local_works_through_it_and_hangs_where_nothing_passes(self):
        port = chapter.free_port()
        with chapter.program("udp_local", "server", "-p", port) as server:
            server.match(rf"Listening at \('127\.0\.0\.1', {port}\)")
            with impair.Relay(f"127.0.0.1:{port}", "--delay", "10ms") as relay:
                code, lines, errors = chapter.run("udp_local", "client", "-p", relay.port)
                self.assertEqual((code, errors), (0, ""))
                self.assertRegex(lines[-1], r"Your data was 38 bytes long")
                relay.finish()
            with impair.Relay(f"127.0.0.1:{port}", "--down-loss", "100%") as relay, \
                    chapter.program("udp_local", "client", "-p", relay.port) as client:
                relay.wait_for(lambda counts: counts["down"]["lost"] == 1)
                self.assertIsNone(client.process.poll(), "it waits for an answer that will never come")
                client.process.kill()
                relay.finish()
            server.stop()

    def test_a_server_200_ms_away_always_gets_two_copies(self):
        with chapter.peer("answer", "127.0.0.1", 0) as server:
            port = server.event()["local"][1]
            with impair.Relay(f"127.0.0.1:{port}", "--delay", "100ms") as relay:
                for _ in range(3):
                    code, lines, _ = chapter.run("udp_remote", "client", "127.0.0.1", "-p", relay.port)
                    self.assertEqual(code, 0, lines)
                    self.assertGreaterEqual(sum(line.startswith("Waiting up to") for line in lines), 2)
                self.assertGreaterEqual(relay.finish()["up"]["received"], 6)

    def test_plain_python_on_both_sides(self):
        with chapter.peer("answer", "127.0.0.1", 0) as server:
            port = server.event()["local"][1]
            with impair.Relay(f"127.0.0.1:{port}", "--loss", "40%", "--duplicate", "20%", "--seed", "3") as relay, \
                    chapter.peer("ask", "127.0.0.1", relay.port, "hello") as client:
                answer = client.event()
                self.assertEqual((answer["event"], answer["text"]), ("answered", "Your data was 5 bytes long"))
                self.assertEqual(client.wait(), 0)
                relay.finish()


if __name__ == "__main__":
    holler_test.main()
