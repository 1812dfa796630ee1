from __future__ import annotations

import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

import anyio
import pytest

from mcp_vacuum.drivers.aio import AsyncDriver, Person
from mcp_vacuum.drivers.route import Route
from mcp_vacuum.drivers.sync import SyncDriver
from mcp_vacuum.protocol.effects import Flow
from mcp_vacuum.safety.policy import NetworkPolicy

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Run(Protocol):
    def __call__(
        self,
        flow: Flow[Any],
        policy: NetworkPolicy | None = None,
        person: Person | None = None,
        route: Route | None = None,
    ) -> Any: ...


def _in_async_code(backend: str) -> Run:
    def run(
        flow: Flow[Any],
        policy: NetworkPolicy | None = None,
        person: Person | None = None,
        route: Route | None = None,
    ) -> Any:
        driver = AsyncDriver(policy or NetworkPolicy("127.0.0.1"), person, route=route)
        return anyio.run(driver.run, flow, backend=backend)

    return run


def _in_blocking_code(
    flow: Flow[Any],
    policy: NetworkPolicy | None = None,
    person: Person | None = None,
    route: Route | None = None,
) -> Any:
    return SyncDriver(policy or NetworkPolicy("127.0.0.1"), person, route=route).run(flow)


WORLDS = ["sync", "asyncio", *(["trio"] if find_spec("trio") else [])]
"""trio is no dependency; these tests run on it where it is installed, because the driver knows anyio only."""


@pytest.fixture(params=WORLDS)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a flow to its end in each of the worlds that a driver serves."""
    return _in_blocking_code if request.param == "sync" else _in_async_code(request.param)


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


class Resolver:
    """Answers for names as a test says: one list of addresses for each look-up, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self._real: Callable[..., Any] = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in self.answers or kwargs.get("flags", 0) & socket.AI_NUMERICHOST:
            # Literals only: a name that no test prepared must not reach the network.
            named = dict(zip(("family", "type", "proto"), args, strict=False))
            return self._real(host, port, **{**named, **kwargs, "flags": socket.AI_NUMERICHOST})
        self.asked.append(name)
        found = self.answers[name].pop(0) if len(self.answers[name]) > 1 else self.answers[name][0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in found
        ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """The resolver of both worlds: asyncio, trio and the blocking driver all end in `socket.getaddrinfo`."""
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver
