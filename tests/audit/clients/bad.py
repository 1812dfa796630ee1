"""Clients with exactly one flaw, `python bad.py FLAW URL`: the honest client with one method changed."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.audit.clients.honest import Honest, Query, Stop, run

FLAWS: dict[str, type[Honest]] = {"none": Honest}


def flaw(name: str, **methods: Any) -> None:
    """Enter the honest client with these methods or attributes instead of its own."""
    FLAWS[name] = type(name, (Honest,), methods)


def nothing(*_: object) -> None:
    """Check nothing."""


# --- PKCE and state -----------------------------------------------------------------------------------------


def plain(self: Honest, verifier: str) -> dict[str, str]:
    return {"code_challenge": verifier, "code_challenge_method": "plain"}


def plain_when_told(self: Honest, methods: Any) -> None:
    if methods == ["plain"]:
        self.pkce = lambda verifier: plain(self, verifier)  # type: ignore[method-assign]


def verifier_in_url(self: Honest, verifier: str) -> dict[str, str]:
    return {**Honest.pkce(self, verifier), "verifier": verifier}


def any_case(self: Honest, query: Query, state: str) -> None:
    if query.get("state", [""])[0].lower() != state.lower():
        raise Stop("another state")


def redeem_twice(self: Honest, *given: Any) -> None:
    Honest.redeem(self, *given)
    time.sleep(0.5)
    with suppress(Stop):
        Honest.redeem(self, *given)


flaw("ignores-state", check_state=nothing)
flaw("any-case-state", check_state=any_case)
flaw("weak-state", new_state=lambda self: str(time.time_ns() % 10**8))
flaw("constant-state", new_state=lambda self: "the-same-state-in-every-login-of-everybody")
flaw("takes-answers-twice", redeem=redeem_twice)
flaw("plain-pkce", pkce=plain)
flaw("plain-pkce-when-told", check_pkce=plain_when_told)
flaw("no-pkce", pkce=lambda self, verifier: {})
flaw("short-verifier", new_verifier=lambda self: f"short-{time.time_ns() % 10**9}")
flaw("verifier-in-url", pkce=verifier_in_url)
flaw("another-verifier", pkce=lambda self, verifier: Honest.pkce(self, verifier + "x"))
flaw("ignores-missing-pkce", check_pkce=nothing)

if __name__ == "__main__":
    sys.exit(run(FLAWS[sys.argv[1]], sys.argv[2]))
