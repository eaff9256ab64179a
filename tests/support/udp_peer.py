"""A peer on a loopback port of its own, for tests."""

import socket
import threading


class UdpPeer:
    """Calls `hear(data, source)` for each datagram that arrives, in a thread, for as long as it is entered."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def hear(self, data, source):
        raise NotImplementedError

    def _run(self):
        while not self._done.is_set():
            try:
                data, source = self.socket.recvfrom(65535)
            except socket.timeout:
                continue
            self.hear(data, source)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self.socket.close()
