"""Where the datagrams go: the loopback interface, or a cable between two network namespaces."""

import os
import subprocess


class Unavailable(Exception):
    """This machine or user cannot have such a path; the reason is the text."""


class Loopback:
    address = "127.0.0.1"
    serving, loading = (), ()  # what stands before the command of either side

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Veth:
    """Two namespaces of our own and a cable between them, removed at the end however it comes."""

    address = "10.77.0.1"

    def __init__(self, segmentation=True):
        self._names = [f"holler-bench-{os.getpid()}-{side}" for side in "sl"]
        self.serving, self.loading = (("ip", "netns", "exec", name) for name in self._names)
        self._segmentation = segmentation

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unavailable("network namespaces need root")
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self):
        server, load = self._names
        for name in self._names:
            _run("ip", "netns", "add", name)
        _run("ip", "-n", server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", load)
        for name, address in ((server, self.address), (load, "10.77.0.2")):
            _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "cable")
            _run("ip", "-n", name, "link", "set", "cable", "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")
            if not self._segmentation:
                _run("ip", "netns", "exec", name, "ethtool", "-K", "cable", "tx-udp-segmentation", "off")

    def __exit__(self, *_):
        for name in self._names:
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL, timeout=30)


def _run(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except FileNotFoundError as missing:
        raise Unavailable(f"there is no {missing.filename} here") from None
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")


def of(name):
    return {"loopback": Loopback, "veth": Veth, "veth-plain": lambda: Veth(segmentation=False)}[name]()
