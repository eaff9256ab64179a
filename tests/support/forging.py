"""Runs holler forge against a client, in a network namespace of its own."""

import json
import unittest

from holler_test import HOLLER, Namespace, Server

SERVER = "127.0.0.1:1060"
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
