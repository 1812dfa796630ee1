"""What the defences cost: a login with them, and a login whose checks do nothing.

Sealing is no check and is left alone, and so are deadlines, which wait for nobody in time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from importlib import import_module
from typing import Any

from benchmarks.measure import Timed, taking_turns
from benchmarks.scene import log_in
from benchmarks.table import Row, Section
from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.opening import memory_store

ROUNDS = 40


def _nothing(*_: Any, **__: Any) -> None:
    """Check nothing."""


def _as_it_came(value: Any, *_: Any, **__: Any) -> Any:
    return value


CARELESS: dict[str, Any] = {
    "safety.url.check_endpoint": _as_it_came,
    "safety.url.printable": _as_it_came,
    "safety.limits.load_document": lambda body: json.loads(body),
    "safety.policy.NetworkPolicy.admit": _nothing,
    "protocol.discovery._check_issuer": _nothing,
    "protocol.discovery._check_pkce": _nothing,
    "protocol.discovery._check_resource": _nothing,
    "protocol.authorization._check_iss": _nothing,
    "protocol.authorization.acceptor": lambda _: lambda _: True,
    "drivers.transport.admit_visit": _nothing,
    "drivers.transport._Body.add": lambda body, chunk: body._chunks.append(chunk),
    "drivers.loopback._Handler._is_for_us": lambda *_: True,
}
"""Every check on the way of a login, and what does nothing in its place."""


def defences() -> Section:
    """Log in again and again, with the checks and without, in turns."""
    taken = taking_turns({"with": _login(False), "without": _login(True)}, ROUNDS)
    rows = [
        Row("login, every check switched off", taken["without"] * 1000, "ms", 1.0),
        Row("login, as it is", taken["with"] * 1000, "ms", taken["with"] / taken["without"], "<= 1.05x"),
    ]
    return Section(f"What the defences cost, {ROUNDS} interleaved logins each", rows, "the login without")


def _login(careless: bool) -> Timed:
    def once() -> float:
        with Lab() as lab, _switched_off() if careless else _as_they_are():
            began = time.perf_counter()
            log_in(lab.mcp_url, memory_store())
            return time.perf_counter() - began

    return once


@contextmanager
def _as_they_are() -> Iterator[None]:
    yield


@contextmanager
def _switched_off() -> Iterator[None]:
    undo: list[tuple[Any, str, Any]] = []
    try:
        for dotted, instead in CARELESS.items():
            for owner, name in _references(dotted):
                undo.append((owner, name, getattr(owner, name)))
                setattr(owner, name, instead)
        yield
    finally:
        for owner, name, original in reversed(undo):
            setattr(owner, name, original)


def _references(dotted: str) -> list[tuple[Any, str]]:
    """Return every place of the package that holds a function: its own, and those that imported it."""
    area, file, *rest = dotted.split(".")
    module = import_module(f"mcp_vacuum.{area}.{file}")
    owner, name = reduce(getattr, rest[:-1], module), rest[-1]
    if owner is not module:
        return [(owner, name)]
    original = getattr(module, name)
    return [
        (other, alias)
        for known, other in list(sys.modules.items())
        if known.startswith("mcp_vacuum")
        for alias, value in list(vars(other).items())
        if value is original
    ]
