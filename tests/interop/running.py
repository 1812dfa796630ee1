"""Starts and ends the servers of the tests, and talks to their /test/ routes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

HERE = Path(__file__).parent
START_TIMEOUT = 30
STOP_TIMEOUT = 5


def free_port() -> int:
    """A loopback port that nobody answers on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise RuntimeError(f"port {port} is already answering: a server of somebody else")
    return port


def get(url: str, **keywords: Any) -> httpx2.Response:
    return httpx2.get(url, trust_env=False, timeout=10, **keywords)


@contextmanager
def running(
    command: list[str], ready_url: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process from its first answer on `ready_url` to the end of the block.

    It gets a process group of its own, which is ended here, and a pipe as its
    standard input: when this process dies, the pipe closes and the server ends.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=HERE,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(process, ready_url, log)
        yield process
    finally:
        _end(process)


def python_server(name: str, *arguments: str) -> Callable[[int], list[str]]:
    """The command of one of the Python servers, for a port that is known later."""
    return lambda port: [sys.executable, "-m", f"servers.{name}", "--port", str(port), *arguments]


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}:\n{log.read_text()}")
        with suppress(httpx2.TransportError):
            if get(url).status_code == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"no answer from {url} within {START_TIMEOUT} s:\n{log.read_text()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group that `running` made, and wait for it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
            break
    if process.stdin:
        process.stdin.close()


# --- the /test/ routes ---------------------------------------------------------------------------


@dataclass(frozen=True)
class TokenRequest:
    """One line of a server's log; tokens are named by `ledger.fingerprint`."""

    grant_type: str
    client_id: str | None
    resource: str | None
    refresh_token: str | None
    issued_refresh_token: str | None
    at: float
    status: int
    outcome: str


@dataclass(frozen=True)
class Desk:
    """The /test/ routes of one server process."""

    base: str

    def log(self) -> dict[str, Any]:
        answer: dict[str, Any] = get(f"{self.base}/test/log").raise_for_status().json()
        return answer

    def token_requests(self) -> list[TokenRequest]:
        return [TokenRequest(**line) for line in self.log()["token_requests"]]

    def refreshes(self) -> list[TokenRequest]:
        return [line for line in self.token_requests() if line.grant_type == "refresh_token"]

    def secrets(self) -> list[tuple[str, str]]:
        """(kind, value) of every secret that went through the token endpoint so far."""
        lines = get(f"{self.base}/test/secrets").raise_for_status().json()
        return [(line["kind"], line["value"]) for line in lines]

    @contextmanager
    def settings(self, **changes: float) -> Iterator[None]:
        """Change settings for a while: token_lifetime, grace, answer_delay (seconds)."""
        before = get(f"{self.base}/test/settings").raise_for_status().json()
        self._change(changes)
        try:
            yield
        finally:
            self._change(before)

    def _change(self, changes: Mapping[str, float]) -> None:
        answer = httpx2.post(f"{self.base}/test/settings", json=dict(changes), trust_env=False, timeout=10)
        answer.raise_for_status()


# --- what a test is given ------------------------------------------------------------------------


@dataclass(frozen=True)
class AuthorizationServer:
    """An authorization server process: its issuer, as it calls itself, and its /test/ routes."""

    issuer: str
    desk: Desk


@dataclass(frozen=True)
class ProtectedServer:
    """An MCP server that wants a token, with what is known about who hands them out."""

    name: str
    url: str
    issuer: str
    """As its authorization server's metadata says it, byte for byte."""
    tool: str
    desk: Desk
    """Of the server that answers the client's token requests."""
    tuner: Desk
    """Of the server that decides how long a token lives."""
    revokes: bool
    """Does it revoke for a public client? (The MCP SDK and FastMCP answer 400.)"""

    def accepts(self, access_token: str) -> bool:
        """Present a token to the MCP endpoint: is it taken?"""
        answer = httpx2.post(
            self.url,
            headers={
                "Authorization": f"Bearer {access_token}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": "2025-06-18",
            },
            json=INITIALIZE,
            trust_env=False,
            timeout=10,
        )
        if answer.status_code not in (200, 401):
            raise AssertionError(f"{self.url} answered {answer.status_code}: {answer.text[:300]}")
        return answer.status_code == 200

    def try_refresh(self, refresh_token: str, client_id: str) -> httpx2.Response:
        """Present a refresh token by hand, as a thief would."""
        endpoint = _metadata(self.issuer)["token_endpoint"]
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id}
        return httpx2.post(endpoint, data=form, trust_env=False, timeout=10)


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "interop", "version": "0"},
    },
}


def well_known(issuer: str) -> str:
    """RFC 8414 section 3.1: the well-known part comes before the issuer's path."""
    url = httpx2.URL(issuer)
    path = "" if url.path == "/" else url.path
    return str(url.copy_with(path=f"/.well-known/oauth-authorization-server{path}"))


def stated_issuer(base: str) -> str:
    """The issuer that a server at `base` states about itself."""
    return str(_metadata(base)["issuer"])


def _metadata(issuer: str) -> dict[str, Any]:
    document: dict[str, Any] = get(well_known(issuer)).raise_for_status().json()
    return document
