"""A program that uses its login once: prints what may be shown of the token, or how it failed.

`get.py URL [POINT]`. At POINT it kills itself as `kill -9` does. Nothing of this is in the product: the
program wraps the two public methods at which it wants to die.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from mcp_vacuum.drivers.transport import SyncTransport
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import shown
from mcp_vacuum.storage.credentials import CredentialStore
from tests.reliability.programs.login import token_source


def die(*_: object) -> None:
    """End now, without a word to anybody."""
    os.kill(os.getpid(), signal.SIGKILL)


def journal(credential: Credential, expected_generation: int) -> bool:
    return credential.generation == expected_generation


def commit(credential: Credential, expected_generation: int) -> bool:
    return credential.generation > expected_generation


def in_put(which: Callable[[Credential, int], bool], *, after: bool) -> None:
    """Die before, or after, the write that is meant."""
    real = CredentialStore.put

    def put(self: CredentialStore, credential: Credential, expected_generation: int) -> None:
        meant = which(credential, expected_generation)
        if meant and not after:
            die()
        real(self, credential, expected_generation)
        if meant:
            die()

    CredentialStore.put = put  # type: ignore[method-assign]


def in_send(*, after: bool) -> None:
    """Die before the request is sent, or when its answer has been read."""
    real = SyncTransport.send

    def send(self: SyncTransport, request: Any) -> Any:
        if after:
            real(self, request)
        die()

    SyncTransport.send = send  # type: ignore[method-assign]


POINTS: dict[str, Callable[[], None]] = {
    "before the journal": lambda: in_put(journal, after=False),
    "before send": lambda: in_send(after=False),
    "after answer": lambda: in_send(after=True),
    "before commit": lambda: in_put(commit, after=False),
    "after commit": lambda: in_put(commit, after=True),
}


def main(url: str, point: str | None = None) -> int:
    """Get a token; return the exit code."""
    logging.basicConfig(level=logging.DEBUG)  # so that the search afterwards sees what would be logged
    if point is not None:
        POINTS[point]()
    try:
        headers = token_source(url).headers_blocking("GET", url)
    except VacuumError as error:
        print(f"{error.code}: {error.message} | {error.hint}")
        return error.exit_status
    print(shown(headers["Authorization"].partition(" ")[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
