"""What both commands have in common: how they end, and an argument that they take."""

import argparse
import re
import signal
import sys


def expression(text):
    try:
        return re.compile(text)
    except re.error as wrong:
        raise argparse.ArgumentTypeError(f"'{text}' is not a regular expression: {wrong}") from None


def interrupted(*_):
    raise KeyboardInterrupt


def run(name, main):
    """Ends the program with what `main` returns; SIGTERM and Ctrl+C end it alike."""
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted", file=sys.stderr)
        sys.exit(130)
