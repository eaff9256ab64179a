"""A peer in plain Python, for the programs of the chapter to talk to. Prints one JSON object a line.

  answer HOST PORT          answers every datagram with the number of its bytes
  listen HOST PORT          hears, says nothing
  ask HOST PORT TEXT [N]    asks up to N times (20), 0.5 s apart, and prints the answer
  shout HOST PORT TEXT      sends one datagram to a broadcast address
"""
import json
import socket
import sys
import time


def report(**fields):
    print(json.dumps(fields), flush=True)


def hear(host, port, answer):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        report(event="ready", local=sock.getsockname())
        while True:
            data, peer = sock.recvfrom(65535)
            report(event="heard", peer=peer, text=data.decode("latin-1"), when=time.monotonic())
            if answer:
                sock.sendto(b"Your data was %d bytes long" % len(data), peer)


def ask(host, port, text, tries):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((host, port))
        sock.settimeout(0.5)
        for _ in range(tries):
            sock.send(text.encode("latin-1"))
            try:
                reply = sock.recv(65535)
            except socket.timeout:
                continue
            report(event="answered", text=reply.decode("latin-1"), local=sock.getsockname())
            return 0
    report(event="silence")
    return 1


def shout(host, port, text):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(text.encode("latin-1"), (host, port))
    report(event="sent")


def main(role, host, port, text="", tries="20"):
    if role in ("answer", "listen"):
        return hear(host, int(port), role == "answer")
    if role == "ask":
        return ask(host, int(port), text, int(tries))
    return shout(host, int(port), text)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
