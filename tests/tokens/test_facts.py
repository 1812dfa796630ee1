"""What may be shown of a login."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.tokens.facts import LoginFacts, facts_of

CANARY = "a-secret-of-this-login"


def login(**changes: Any) -> Credential:
    values: dict[str, Any] = {
        "server": "https://mcp.example/mcp",
        "refresh_token": Secret(CANARY),
        "client": ClientCredentials(
            client_id="c",
            client_secret=Secret(CANARY),
            registration_access_token=Secret(CANARY),
            private_key=Secret(CANARY),
        ),
        "dpop_key": Secret(CANARY),
        "grant_settings": Secret(CANARY),
        "proxy": Secret(f"http://me:{CANARY}@proxy.example:3128"),
    }
    return Credential(**{**values, **changes})


def test_no_secret_is_among_them() -> None:
    facts = facts_of(login())

    assert CANARY not in f"{facts!r} {json.dumps(asdict(facts))}"
    assert (facts.client_id, facts.dpop, facts.proxy) == ("c", True, "proxy.example:3128")


def test_they_come_back_from_json() -> None:
    facts = facts_of(login(quirks=("no-resource",), alias="work"), in_agent=True)
    told = json.loads(json.dumps(asdict(facts)))

    assert LoginFacts(**{**told, "quirks": tuple(told["quirks"])}) == facts


@pytest.mark.parametrize(
    ("changes", "in_agent", "state"),
    [
        ({}, False, "valid"),
        ({"refresh_token": None}, False, "login_required"),
        ({"refresh_token": None}, True, "valid"),
        ({"refresh_token": None, "grant": "client_credentials"}, False, "valid"),
        ({"ended": "login_ended"}, True, "login_required"),
        ({"ended": "registration_stale", "doubts": (0.0, 50.0, 100.0)}, False, "login_required"),
        ({"doubts": (0.0, 50.0, 100.0)}, False, "doubtful"),
        ({"doubts": (0.0, 1.0, 2.0)}, False, "valid"),
    ],
)
def test_states(changes: dict[str, Any], in_agent: bool, state: str) -> None:
    assert facts_of(login(**changes), in_agent).state == state
