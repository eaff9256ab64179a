"""A stranger who forges the server's address passes every check of addresses, and fails on the ID."""
import json
import sys
import unittest

import chapter

# In a namespace of its own, so that nothing else is disturbed: a server that hears the question, and forges
# one answer for each of the IDs given, then answers truly.
FORGER = """
import socket, struct, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 1060))
print("ready", flush=True)
question, asker = server.recvfrom(65535)
number, identity = question[16:24], question[24:32]

def reply(identity, text):
    return b"\\xf5\\x48\\x01\\x02\\x01\\0" + struct.pack("!H", len(text)) + number + identity + bytes(12) + text

def forge(payload):
    udp = struct.pack("!HHHH", 1060, asker[1], 8 + len(payload), 0) + payload  # 0: no checksum, which IPv4 allows
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton("127.0.0.1"),
                     socket.inet_aton(asker[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(ip + udp, (asker[0], 0))

true = int.from_bytes(identity, "big")
for guess in (0, true ^ 1, true ^ (1 << 63), (true + 1) % 2**64):
    forge(reply(guess.to_bytes(8, "big"), b"FORGED"))
if sys.argv[1] == "answer":
    forge(reply(identity, b"this one has the right ID, and is believed"))
server.recvfrom(65535)
"""


class ForgedSource(unittest.TestCase):
    def ask(self, forger, *options):
        namespace = self.enterContext(chapter.Namespace("forged"))
        with chapter.Running([sys.executable, "-c", FORGER, forger], namespace) as server:
            server.match("ready")
            run = namespace.run("ask", "127.0.0.1", "a question", "--json", *options)
        return run.returncode, json.loads(run.stdout)

    def test_an_address_is_forged_with_ease_and_an_id_is_not(self):
        code, answer = self.ask("silence", "--deadline", "500ms", "--first-wait", "5s")
        self.assertEqual((1, "no_answer"), (code, answer["outcome"]))
        self.assertEqual({"wrong_id": 4}, answer["dropped"])

    def test_who_sees_the_id_can_forge_it_for_nothing_is_signed(self):
        code, answer = self.ask("answer")
        self.assertEqual((0, "this one has the right ID, and is believed"), (code, answer["payload"]))
        self.assertEqual({"wrong_id": 4}, answer["dropped"])


if __name__ == "__main__":
    chapter.main()
