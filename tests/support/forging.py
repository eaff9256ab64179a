"""Runs holler forge against a client, in a network namespace of its own."""

import json
import subprocess
import sys
import unittest

from holler_test import HOLLER, Namespace, Process, Server

SERVER = "127.0.0.1:1060"
FORGED_V4 = "203.0.113.66"
RIGHT_V4 = "192.0.2.1"
PATIENT = ["--first-wait", "100ms", "--deadline", "60s"]


class Forging(unittest.TestCase):
    """One namespace for each test, so that addresses and ports are its own."""

    def setUp(self):
        self.namespace = self.enterContext(Namespace("forge"))

    def serve(self, *arguments, address="127.0.0.1"):
        return self.enterContext(Server(*arguments, address=address, port="1060", prefix=self.namespace.prefix))

    def forge(self, mode, *arguments, client=(), server=SERVER, code=0):
        """What the forger reports, and what the client that it attacked printed."""
        behind = ["--", HOLLER, *client] if client else []
        run = self.namespace.run("forge", mode, server, "--json", *arguments, *behind)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        *printed, report = run.stdout.splitlines()
        return json.loads(report)["forge"], printed, run.stderr

    def ask(self, *arguments, server=SERVER):
        return ["ask", server, "hello", *PATIENT, "--json", *arguments]


class ForgingNames(Forging):
    """The server is a name server that is slow, or silent."""

    SCRIPT = """
import sys, time
import dns_server
def answer(sock, query, peer):
    time.sleep(float(sys.argv[1]))
    if len(server.queries) > int(sys.argv[2]):
        sock.sendto(dns_server.reply_to(query, address="192.0.2.1"), peer)
with dns_server.ScriptedServer(answer, port=int(sys.argv[3])) as server:
    print("ready", flush=True)
    sys.stdin.read()
"""

    def setUp(self):
        super().setUp()
        self.ports = 0

    def name_server(self, delay=0, silent=0):
        """One that takes `delay` seconds for each answer, and has none for the first `silent` questions."""
        # No port that a client could have: a flood of guessed ports would meet the server itself.
        self.ports += 1
        port = 52 + self.ports
        server = self.enterContext(Process(
            [*self.namespace.prefix, sys.executable, "-c", self.SCRIPT, str(delay), str(silent), str(port)],
            stdin=subprocess.PIPE))
        self.addCleanup(server.process.stdin.close)
        server.out.wait_for("ready")
        return port

    def dns(self, *arguments):
        return ["dns", "guinness.example", f"@127.0.0.1:{self.port}", "--json", "--first-wait", "500ms", "--deadline",
                "60s", *arguments]
