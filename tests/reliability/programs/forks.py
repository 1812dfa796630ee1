"""A program that forks while its refresh is under way: `forks.py URL CHILDREN`; each shows its token."""

from __future__ import annotations

import os
import sys
import threading
import time

from mcp_vacuum.safety.secret import shown
from mcp_vacuum.storage.secure import SecureTokenStorage
from tests.reliability.programs.login import token_source


def main(url: str, children: str) -> int:
    """Fork in the middle of a refresh; return the exit code."""
    "a.example".encode("idna")  # CPython cannot fork while a codec is being imported
    store = SecureTokenStorage().store
    source = token_source(url)

    def use() -> None:
        token = source.headers_blocking("GET", url)["Authorization"].partition(" ")[2]
        os.write(1, f"{shown(token)}\n".encode())

    parents = threading.Thread(target=use)
    parents.start()
    while (login := store.get(url)) is not None and login.journal is None:
        time.sleep(0.001)
    pids = []
    for _ in range(int(children)):
        if (pid := os.fork()) == 0:
            try:
                use()
            finally:
                os._exit(0)
        pids.append(pid)
    parents.join()
    return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
