"""holler dns and dig ask a real nsd for the same things, and print the same."""

import json
import os
import re
import subprocess
import tempfile
import unittest

import dns_server
import holler_test

MANY_RECORDS = "\n".join(f"many A 192.0.2.{i}" for i in range(1, 255))
LONG_TEXT = " ".join(f'"{letter * 250}"' for letter in "abc")
ZONES = {
    "guinness.example": rf"""
$ORIGIN guinness.example.
$TTL 300
@         SOA ns1 host\.master 2024070100 7200 3600 1209600 60
@         NS ns1
@         NS ns2.guinness.example.
@         MX 10 mail
@         MX 20 mail.brewery.test.
@         TXT "v=spf1 -all"
@         CAA 0 issue "ca.example; account=7"
@         CAA 128 iodef "mailto:security@guinness.example"
ns1       A 192.0.2.53
ns1       AAAA 2001:db8::53
ns2       A 192.0.2.54
mail      A 192.0.2.25
box       A 192.0.2.1
box       A 192.0.2.2
box       AAAA 2001:db8::1
box       AAAA 2001:db8:0:1:0:0:0:f
alias     600 CNAME box
chain     CNAME alias
away      CNAME box.brewery.test.
_holler._udp SRV 10 60 1060 box
_holler._udp SRV 20 0 1061 ns1
null      MX 0 .
mapped    AAAA ::ffff:192.0.2.9
text      TXT "one" "" "three"
odd       TXT "quote \" backslash \\ semicolon ; at @" "\007\127\200\255"
long      TXT {LONG_TEXT}
od\.d     A 192.0.2.10
sp\032ace A 192.0.2.11
at\@dollar\$paren\( A 192.0.2.12
\255high  A 192.0.2.13
UPPER     A 192.0.2.14
*.wild    A 192.0.2.15
unknown   TYPE65280 \# 4 0A000001
unknown   TYPE65281 \# 0
unknown   TYPE65282 \# 40 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627
service   HTTPS 1 . alpn=h2
key       SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789
sub       NS ns.sub
ns.sub    A 192.0.2.99
{MANY_RECORDS}
""",
    "2.0.192.in-addr.arpa": """
$TTL 300
@ SOA ns1.guinness.example. hostmaster.guinness.example. 1 7200 3600 1209600 60
@ NS ns1.guinness.example.
1 PTR box.guinness.example.
2 PTR box.guinness.example.
2 PTR mail.guinness.example.
""",
    "8.b.d.0.1.0.0.2.ip6.arpa": """
$TTL 300
@ SOA ns1.guinness.example. hostmaster.guinness.example. 1 7200 3600 1209600 60
@ NS ns1.guinness.example.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR box.guinness.example.
""",
}

# However slow the machine is, a query is sent once, and the story is the same.
NO_REPEATS = ["--first-wait", "20s", "--deadline", "50s"]

# Name and type, relative to the zone: each is asked of both programs and must look the same.
SAME = [
    ("@", "SOA"), ("@", "NS"), ("@", "MX"), ("@", "TXT"), ("@", "CAA"),
    ("box", "A"), ("box", "AAAA"), ("mapped", "AAAA"), ("null", "MX"),
    ("alias", "A"), ("alias", "CNAME"), ("chain", "AAAA"), ("away", "A"),
    ("_holler._udp", "SRV"), ("text", "TXT"), ("odd", "TXT"), ("long", "TXT"),
    (r"od\.d", "A"), (r"sp\032ace", "A"), (r"at\@dollar\$paren\(", "A"), (r"\255high", "A"),
    ("upper", "A"), ("UpPeR", "A"), ("any.thing.wild", "A"),
    ("unknown", "TYPE65280"), ("unknown", "TYPE65281"), ("unknown", "TYPE65282"),
    ("box", "MX"), ("nobody", "A"), ("nobody", "CAA"),
]


def lines_of(text):
    """The records in a text, each with single blanks between its columns; order is the server's business."""
    lines = [line for line in text.splitlines() if line and not line.startswith(";")]
    return sorted(" ".join(line.split()) for line in lines)


class DnsAgainstNsd(dns_server.WithDigAndNsd):
    ZONES = ZONES

    def dig(self, *arguments):
        command = [self.dig_path, "-r", "@127.0.0.1", "-p", str(self.nsd.port), "+nocookie", "+nosplit",
                   "+ignore", "+norecurse", *arguments]
        result = holler_test.run_program(command)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def holler(self, *arguments, server="127.0.0.1", code=0):
        result = holler_test.run("dns", f"@{server}", "-p", self.nsd.port, "--no-recurse", *NO_REPEATS, *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    @staticmethod
    def full_name(name):
        return "guinness.example" if name == "@" else f"{name}.guinness.example"

    def test_answers_of_every_type_are_those_that_dig_prints(self):
        for name, record_type in SAME:
            with self.subTest(name=name, type=record_type):
                question = [self.full_name(name), record_type]
                digs = lines_of(self.dig("+noall", "+answer", *question))
                self.assertEqual(lines_of(self.holler(*question).stdout), digs)
                if name not in ("box", "nobody") or record_type in ("A", "AAAA"):
                    self.assertEqual(bool(digs), name != "nobody", "the zone does not have what is compared")

    def test_short_form_is_that_of_dig(self):
        for name, record_type in SAME:
            with self.subTest(name=name, type=record_type):
                question = [self.full_name(name), record_type]
                self.assertEqual(lines_of(self.holler("--short", *question).stdout),
                                 lines_of(self.dig("+short", *question)))

    def test_full_form_has_the_sections_and_the_status_that_dig_has(self):
        for name, record_type in [("@", "NS"), ("box", "A"), ("nobody", "A"), ("box", "MX"), ("host.sub", "A")]:
            with self.subTest(name=name, type=record_type):
                question = [self.full_name(name), record_type]
                full = self.holler("--full", *question).stdout
                dig = self.dig(*question)
                self.assertEqual(lines_of(full), lines_of(dig))
                status = re.search(r"status: (\w+)", dig).group(1)
                flags = re.search(r";; flags: ([a-z ]*);", dig).group(1)
                self.assertRegex(full, rf";; status: {status}, opcode: QUERY, id: \d+, flags: {flags}\n")
                self.assertRegex(full, rf";; server: 127\.0\.0\.1:{self.nsd.port}\n")
                self.assertRegex(full, r";; query time: [\d.]+ ms \(1 attempt\)\n")

    def test_sizes_are_those_that_dig_sees(self):
        dig = self.dig("long.guinness.example", "TXT")
        size = int(re.search(r"MSG SIZE  rcvd: (\d+)", dig).group(1))
        self.assertIn(f";; size: {size} bytes", self.holler("--full", "long.guinness.example", "TXT").stdout)

    def test_types_without_a_form_of_their_own_are_printed_as_bytes(self):
        for name, record_type in [("service", "HTTPS"), ("key", "SSHFP"), ("service", "TYPE65")]:
            question = [self.full_name(name), record_type]
            self.assertEqual(lines_of(self.holler("--short", *question).stdout),
                             lines_of(self.dig("+short", "+unknownformat", *question)))

    def test_addresses_are_asked_for_in_reverse(self):
        for address, expected in [("192.0.2.1", ["box.guinness.example."]), ("2001:db8::1", ["box.guinness.example."]),
                                  ("192.0.2.2", ["box.guinness.example.", "mail.guinness.example."])]:
            for question in [["-x", address], [address, "PTR"], [address]]:
                with self.subTest(question=question):
                    self.assertEqual(lines_of(self.holler("--short", *question).stdout), expected)
            self.assertEqual(lines_of(self.holler("-x", address).stdout),
                             lines_of(self.dig("+noall", "+answer", "-x", address)))

    def test_a_name_that_does_not_exist_is_an_answer(self):
        result = self.holler("nobody.guinness.example", "AAAA")
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr, ";; NXDOMAIN: nobody.guinness.example. does not exist\n")

    def test_a_name_without_records_of_the_type_is_an_answer(self):
        result = self.holler("mail.guinness.example", "TXT")
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr, ";; NOERROR: mail.guinness.example. exists and has no TXT records\n")

    def test_a_zone_that_is_served_elsewhere_is_a_referral(self):
        self.assertIn("referral", self.holler("host.sub.guinness.example").stderr)

    def test_a_refusal_by_the_server_is_an_answer(self):
        result = self.holler("elsewhere.test")
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"^;; REFUSED: ")
        self.assertIn("; EDE: 20 (Not Authoritative)", self.dig("elsewhere.test"))
        self.assertIn(";; extended error: 20 (Not Authoritative)\n", result.stderr)
        self.assertEqual(json.loads(self.holler("elsewhere.test", "--json").stdout)["status"], "REFUSED")

    def test_a_truncated_reply_says_so_in_every_form(self):
        question = ["many.guinness.example", "A"]
        self.assertRegex(self.dig(*question), r"flags: [a-z ]*\btc\b")
        for form in [[], ["--short"]]:
            self.assertRegex(self.holler(*question, *form).stderr, r"(?m)^;; truncated: ")
        self.assertRegex(self.holler(*question, "--full").stdout, r"(?m)^;; truncated: ")
        found = json.loads(self.holler(*question, "--json").stdout)
        self.assertTrue(found["truncated"])
        self.assertIn("tc", found["flags"])
        self.assertLessEqual(found["bytes"], 1232)

    def test_without_edns_replies_have_512_bytes(self):
        found = json.loads(self.holler("long.guinness.example", "TXT", "--json", "--no-edns").stdout)
        self.assertTrue(found["truncated"])
        self.assertLessEqual(found["bytes"], 512)
        self.assertIsNone(found["edns"])

    def test_dnssec_is_asked_for(self):
        self.assertFalse(json.loads(self.holler("box.guinness.example", "--json").stdout)["edns"]["dnssec_ok"])
        found = json.loads(self.holler("box.guinness.example", "--json", "--dnssec").stdout)
        self.assertTrue(found["edns"]["dnssec_ok"])

    def test_json_has_everything(self):
        found = json.loads(self.holler("alias.guinness.example", "AAAA", "--json").stdout)
        self.assertEqual(found["outcome"], "answered")
        self.assertEqual(found["status"], "NOERROR")
        self.assertEqual(found["flags"], ["qr", "aa"])
        self.assertEqual(found["question"], {"name": "alias.guinness.example.", "class": "IN", "type": "AAAA"})
        self.assertEqual(found["answers"][0], {"name": "alias.guinness.example.", "ttl": 600, "class": "IN",
                                               "type": "CNAME", "data": "box.guinness.example."})
        self.assertEqual(sorted(record["data"] for record in found["answers"][1:]),
                         ["2001:db8:0:1::f", "2001:db8::1"])
        self.assertEqual({record["type"] for record in found["authorities"]}, {"NS"})
        self.assertEqual({record["type"] for record in found["additionals"]}, {"A", "AAAA"})
        self.assertEqual(found["server"], f"127.0.0.1:{self.nsd.port}")
        self.assertEqual(found["attempts"], 1)
        self.assertGreater(found["elapsed_ms"], 0)
        self.assertEqual(found["dropped"], {})

    def test_servers_are_named_in_every_way(self):
        port = self.nsd.port
        for words in [[f"@127.0.0.1:{port}"], [f"@[::1]:{port}"], ["@::1", "-p", port], ["@[::1]", "-p", port],
                      [f"@localhost:{port}"]]:
            with self.subTest(words=words):
                result = holler_test.run("dns", "mail.guinness.example", "--short", *words)
                self.assertEqual((result.returncode, result.stdout), (0, "192.0.2.25\n"), result.stderr)

    def test_without_a_server_those_of_resolv_conf_are_asked(self):
        for content, host, attempts in [("# comment\nnameserver 127.0.0.1\n", "127.0.0.1", 1),
                                        ("search example\nnameserver nonsense\nnameserver ::1\n", "[::1]", 1),
                                        ("", "127.0.0.1", 1),
                                        ("nameserver 127.0.0.9\nnameserver 127.0.0.1\n", "127.0.0.1", 2)]:
            with self.subTest(content=content):
                result = self.run_with_resolv_conf(content, "mail.guinness.example", "--json", *NO_REPEATS)
                self.assertEqual(result.returncode, 0, result.stderr)
                found = json.loads(result.stdout)
                self.assertEqual((found["server"], found["attempts"]), (f"{host}:{self.nsd.port}", attempts))

    def run_with_resolv_conf(self, content, *arguments):
        """Runs holler dns in a mount namespace of its own, where /etc/resolv.conf is `content`."""
        holler_test.needs_root("a mount namespace needs root")
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(content)
            file.flush()
            os.chmod(file.name, 0o644)
            script = 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
            command = ["unshare", "--mount", "--", "sh", "-c", script, file.name, holler_test.HOLLER, "dns",
                       "-p", str(self.nsd.port), *arguments]
            probe = subprocess.run(["unshare", "--mount", "--", "sh", "-c", script, file.name, "true"],
                                   capture_output=True, text=True, check=False)
            if probe.returncode != 0:
                raise unittest.SkipTest(f"no mount namespaces here: {probe.stderr.strip()}")
            return holler_test.run_program(command)


if __name__ == "__main__":
    holler_test.main()
