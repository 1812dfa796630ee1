"""Who is at the other end of a Unix socket. Imported by `cli/fast.py`, so it imports next to nothing."""

from __future__ import annotations

import _socket
import os
import sys

SUPPORTED = sys.platform.startswith("linux") or sys.platform == "darwin"
"""Where the kernel tells the peer's user; elsewhere there is no agent."""


def is_me(connection: _socket.socket) -> bool:
    """True if the process at the other end runs as this process's user, by the kernel's word.

    The answer is about the moment of `connect` and `listen`; whoever has our descriptors is us anyway.
    """
    try:
        return _uid(connection) == os.geteuid()
    except OSError:
        return False


if sys.platform == "darwin":

    def _uid(connection: _socket.socket) -> int:
        # LOCAL_PEERCRED of SOL_LOCAL gives a struct xucred: version, uid, groups.
        return _number(connection.getsockopt(0, 1, 76), 76)

else:

    def _uid(connection: _socket.socket) -> int:
        # SO_PEERCRED gives a struct ucred: pid, uid, gid. Its number is not the same on every machine.
        return _number(connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12), 12)


def _number(credentials: bytes, size: int) -> int:
    """Return the second number of the kernel's answer; a shorter answer is to another question."""
    if len(credentials) != size:
        raise OSError("the kernel does not tell the peer's user")
    return int.from_bytes(credentials[4:8], sys.byteorder)
