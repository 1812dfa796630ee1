"""`python -m benchmarks`: measure everything and print one table."""

from __future__ import annotations

import argparse
import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

from benchmarks import peers

PACKAGES = (
    "mcp-vacuum",
    "httpx2",
    "mcp",
    "fastmcp",
    "authlib",
    "msal",
    "requests_oauth2client",
    "pyjwt",
    "joserfc",
    "cryptography",
)


def main() -> None:
    """Measure, section by section; progress goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--here", action="store_true", help="measure in this environment, install nothing")
    if not parser.parse_args().here:
        peers.move_in()
    from benchmarks.agent import agent, shell_tokens
    from benchmarks.audit import many_servers, passive_audit
    from benchmarks.crowd import crowd
    from benchmarks.defences import defences
    from benchmarks.dpop import dpop
    from benchmarks.first_login import first_login
    from benchmarks.request import per_request
    from benchmarks.startup import command_line, imports
    from benchmarks.stores import vault, warm_token
    from benchmarks.table import render

    began, sections = time.monotonic(), []
    processes = (imports, command_line, shell_tokens, agent)
    in_process = (per_request, warm_token, vault, dpop, crowd, first_login, defences, passive_audit)
    for measured in (*processes, *in_process, many_servers):
        peers.say(f"measuring {measured.__name__.replace('_', ' ')}")
        sections.append(measured())
    print(f"{_machine()}\n{_versions()}\n")
    print(render(sections))
    print(f"\ntook {time.monotonic() - began:.0f} s; medians, wall clock; figures, not verdicts")


def _machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores{load}"


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in PACKAGES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
