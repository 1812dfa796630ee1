"""Waiting for something to become true, with a deadline instead of a fixed sleep."""

import time
from collections.abc import Callable

from .running import ProtectedServer


def wait_until(true: Callable[[], bool], *, within: float, what: str) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.05)


def last_access_token(server: ProtectedServer) -> str:
    """The access token that the server handed out last."""
    return [value for kind, value in server.desk.secrets() if kind == "access_token"][-1]


def last_refresh_token(server: ProtectedServer) -> str:
    """The refresh token that the server handed out last."""
    return [value for kind, value in server.desk.secrets() if kind == "refresh_token"][-1]


def let_it_expire(lifetime: float) -> None:
    """Sleep until a token of this lifetime is past its end, by the clock alone.

    Asking the server would be a test that disturbs what it measures: FastMCP's
    in-memory provider deletes the refresh token as well when an expired access
    token is presented.
    """
    time.sleep(lifetime + 0.2)
