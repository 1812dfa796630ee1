"""A program whose quota is used up while the answer to its refresh is on its way, and free again later.

`patient.py URL`: a refresh that cannot be stored, then the quota is lifted, then a refresh that can.
"""

from __future__ import annotations

import logging
import resource
import sys
from typing import Any

from mcp_vacuum.drivers.transport import SyncTransport
from mcp_vacuum.safety.secret import shown
from tests.reliability.programs.login import token_source


def limit(size: int) -> None:
    """Let no file grow beyond so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def main(url: str) -> None:
    """Get two tokens, and print what may be shown of them."""
    logging.basicConfig(level=logging.WARNING)
    real = SyncTransport.send

    def send(self: SyncTransport, request: Any) -> Any:
        answer = real(self, request)
        limit(0)
        return answer

    SyncTransport.send = send  # type: ignore[method-assign]
    source = token_source(url)
    first = source.headers_blocking("GET", url)
    SyncTransport.send = real  # type: ignore[method-assign]
    limit(resource.RLIM_INFINITY)
    second = source.headers_blocking("GET", url, refused=first)
    print(*(shown(each["Authorization"].partition(" ")[2]) for each in (first, second)))


if __name__ == "__main__":
    main(*sys.argv[1:])
