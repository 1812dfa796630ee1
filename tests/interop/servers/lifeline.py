"""A server of the tests lives as long as its standard input.

The tests hold the other end of that pipe, so even a test run that is killed
leaves no server behind.
"""

import os
import sys
import threading


def die_with_parent() -> None:
    """End this process when its standard input closes."""
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()


def _wait_for_end_of_input() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)
