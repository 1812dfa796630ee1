"""Tokens that a server handed out last, and waiting until they end."""

import time

from .running import ProtectedServer


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
