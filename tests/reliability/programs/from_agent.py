"""A Python program that asks the agent: `from_agent.py URL`; prints what may be shown of its token."""

from __future__ import annotations

import sys
from importlib import import_module

from mcp_vacuum.safety.secret import shown


def main(url: str) -> None:
    """Use the login once."""
    source = import_module("mcp_vacuum.agent.source").token_source(url)
    print(shown(source.headers_blocking("GET", url)["Authorization"].partition(" ")[2]))


if __name__ == "__main__":
    main(*sys.argv[1:])
