"""LAB-17: what the client's own listener answers before, during and after a login."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from mcp_vacuum.audit.marks import (
    AFTER_LOGIN,
    ELSEWHERE,
    FORGED_CODE,
    MARKUP,
    NO_OTHER_ADDRESS,
    OTHER_ADDRESS,
    STRAY,
)
from mcp_vacuum.audit.scenarios.scenario import Person, Scenario, Stage
from mcp_vacuum.audit.scenarios.state import Pairs, changed_answers

LONG = 32 * 1024
"""Characters of a query that no browser brings."""
_OTHER = "127.0.0.2"
"""An address that only a listener on all addresses answers at, and that no other machine can reach."""
_TRIES, _PAUSE = 15, 0.1
_LATER = 1.0
"""Seconds after the answer in which a listener closes."""


def first_asked(method: str, url_of: Callable[[str, str], str]) -> Person:
    """Return a person before whom somebody else asks the listener something.

    Args:
        method: Of the stray request.
        url_of: Its URL, made of the redirect URI and the state.
    """

    def person(stage: Stage, opened: str) -> None:
        query = parse_qs(urlsplit(opened).query)
        back, state = query.get("redirect_uri", [""])[0], query.get("state", [""])[0]
        _patiently(stage, STRAY, method, url_of(back, state))
        stage.visit(opened)

    return person


def _patiently(stage: Stage, purpose: str, method: str, url: str) -> None:
    """Ask, and ask again where nobody listens yet."""
    for _ in range(_TRIES):
        if stage.request(purpose, method, url).status:
            return
        time.sleep(_PAUSE)


def _forged(back: str, state: str) -> str:
    return f"{back}?{urlencode({'code': FORGED_CODE, 'state': state})}"


def _foreign_state(back: str, state: str) -> str:
    return _forged(back, "x" * len(state))


def _other_path(back: str, state: str) -> str:
    return _forged(urlunsplit(urlsplit(back)._replace(path="/favicon.ico")), state)


def _long(back: str, state: str) -> str:
    return f"{back}?x={'x' * LONG}"


def later(stage: Stage, opened: str) -> None:
    """Log in, and come back a while after."""
    stage.visit(opened)
    time.sleep(_LATER)
    stage.request(AFTER_LOGIN, "GET", parse_qs(urlsplit(opened).query).get("redirect_uri", [""])[0])


def elsewhere(stage: Stage, opened: str) -> None:
    """Ask at another address of this machine, then log in."""
    parts = urlsplit(parse_qs(urlsplit(opened).query).get("redirect_uri", [""])[0])
    if not has_address(_OTHER):
        stage.notes.append(NO_OTHER_ADDRESS)
    elif parts.port:
        stage.request(OTHER_ADDRESS, "GET", f"http://{_OTHER}:{parts.port}/favicon.ico")
    stage.visit(opened)


def has_address(address: str) -> bool:
    """Return whether an address is this machine's."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def _with_baits(pairs: Pairs) -> Pairs:
    """Add what a careless callback page would redirect to, or show."""
    baits = [(name, ELSEWHERE) for name in ("next", "return_to", "redirect", "url")]
    return [*pairs, *baits, ("hint", MARKUP)]


def _stray(name: str, what: str, method: str, url_of: Callable[[str, str], str]) -> Scenario:
    return Scenario(f"LAB-17/{name}", what, person=first_asked(method, url_of))


SCENARIOS = (
    _stray("path", "before the answer, a code comes to another path of the listener", "GET", _other_path),
    _stray("post", "before the answer, a code comes to the listener by POST", "POST", _forged),
    _stray("head", "before the answer, the listener gets a HEAD request with a code", "HEAD", _forged),
    _stray("long", f"before the answer, the listener gets a query of {LONG} characters", "GET", _long),
    _stray("state", "before the answer, a code with another state comes", "GET", _foreign_state),
    Scenario("LAB-17/after", "the listener is asked a while after the login", person=later),
    Scenario("LAB-17/address", "the listener is asked at another address of the machine", person=elsewhere),
    Scenario(
        "LAB-17/page",
        "the answer carries markup, and URLs to go on to",
        arrange=changed_answers(_with_baits),
    ),
)
