"""Name servers for tests: a real one (nsd), and one made by hand that says what a test wants."""

import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

import holler_test

HEADER = struct.Struct("!6H")


def encode_name(name):
    """A name without escapes, as it is sent."""
    labels = [label.encode() for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question_of(query):
    """The bytes of the question section of a query with one question and an uncompressed name."""
    end = HEADER.size
    while query[end] != 0:
        end += 1 + query[end]
    return query[HEADER.size:end + 5]


def reply_to(query, *, identity=None, question=None, address="192.0.2.1", flags=0x8580, count=1):
    """A reply with `count` A records for the name in the query, or the altered one of a forger."""
    question = question_of(query) if question is None else question
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + socket.inet_aton(address)
    identity = struct.unpack("!H", query[:2])[0] if identity is None else identity
    return HEADER.pack(identity, flags, 1 if question else 0, count, 0, 0) + question + record * count


class ScriptedServer:
    """Calls `answer(socket, query, peer)` for each datagram that arrives, in a thread."""

    def __init__(self, answer, address="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.port = self.socket.getsockname()[1]
        self.queries = []
        self._peers = []
        self._answer = answer
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while True:
            query, peer = self.socket.recvfrom(65535)
            if not query:  # sent by __exit__
                return
            self.queries.append(query)
            self._peers.append(peer)
            self._answer(self.socket, query, peer)

    @property
    def client_ports(self):
        return [peer[1] for peer in self._peers]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as other:
            other.sendto(b"", self.socket.getsockname())
        self._thread.join(holler_test.PATIENCE_SECONDS)
        self.socket.close()


class Nsd:
    """nsd on a loopback port of its own, serving `zones` (name → text of the zone file)."""

    def __init__(self, zones):
        self.binary = shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin:/sbin")
        if self.binary is None:
            raise holler_test.unittest.SkipTest("nsd is not installed (Debian package nsd)")
        self.zones = zones

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="holler-nsd-")
        try:
            self._start()
        except BaseException:
            self.directory.cleanup()
            raise
        return self

    def _start(self):
        folder = pathlib.Path(self.directory.name)
        for _ in range(5):  # another program may take the port between choosing and binding
            self.port = holler_test.free_port()
            self._write_files(folder)
            self.process = subprocess.Popen([self.binary, "-d", "-c", str(folder / "nsd.conf")],
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if holler_test.wait_until(lambda: self.process.poll() is not None or self._answers(), "nsd answers"):
                if self.process.poll() is None:
                    return
        raise AssertionError("nsd does not start:\n" + self.process.stdout.read())

    def _write_files(self, folder):
        text = f"""server:
  ip-address: 127.0.0.1@{self.port}
  ip-address: ::1@{self.port}
  username: ""
  chroot: ""
  server-count: 1
  database: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  xfrdir: "{folder}"
  rrl-ratelimit: 0
  minimal-responses: no
remote-control:
  control-enable: no
"""
        for index, (zone, content) in enumerate(self.zones.items()):
            (folder / f"{index}.zone").write_text(content, encoding="utf-8")
            text += f'zone:\n  name: "{zone}"\n  zonefile: "{index}.zone"\n'
        (folder / "nsd.conf").write_text(text, encoding="utf-8")

    def _answers(self):
        """Whether a query for the SOA of the first zone is answered without an error."""
        query = HEADER.pack(1, 0, 1, 0, 0, 0) + encode_name(next(iter(self.zones))) + struct.pack("!HH", 6, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            try:
                sock.sendto(query, ("127.0.0.1", self.port))
                reply = sock.recv(4096)
            except OSError:
                return False
        return len(reply) >= HEADER.size and reply[3] & 0xF == 0

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(holler_test.PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.directory.cleanup()


class WithDigAndNsd(holler_test.unittest.TestCase):
    """Tests that compare what holler and dig are told by one nsd, which serves the class's `ZONES`."""

    ZONES = {}

    @classmethod
    def setUpClass(cls):
        cls.dig_path = shutil.which("dig")
        if cls.dig_path is None:
            raise holler_test.unittest.SkipTest("dig is not installed (Debian package bind9-dnsutils)")
        holler_test.program("holler")
        cls.nsd = Nsd(cls.ZONES)
        cls.nsd.__enter__()
        cls.addClassCleanup(cls.nsd.__exit__)
