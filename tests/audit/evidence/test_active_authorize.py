"""Authorization requests without a person."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.evidence.active_authorize import mutations, other_port
from tests.audit.seen_actively import Honest

URI = "http://127.0.0.1:8123/callback"


def test_no_mutation_is_the_registered_one() -> None:
    found = mutations(URI)

    assert URI not in found.values()
    assert len(set(found.values())) == len(found) == 11
    assert found["a user name"] == "http://127.0.0.1:8123@auditor.invalid/callback"


@pytest.mark.parametrize("uri", ["http://localhost:1/callback", "http://127.0.0.1/callback"])
def test_another_port_makes_sense_only_on_an_address(uri: str) -> None:
    assert other_port(uri) is None
    assert other_port(URI) == "http://127.0.0.1:9148/callback"


def test_each_request_has_exactly_its_defect(honest: Honest) -> None:
    _, requests = honest
    sent = [
        each.query
        for each in requests
        if each.path == "/authorize" and each.headers.get("user-agent") != "lab-user"
    ]
    without = [query for query in sent if query and "code_challenge" not in query]

    assert len(without) == 1
    assert sum(query.get("code_challenge_method") == ("plain",) for query in sent) == 1
    assert sum(len(query.get("state", ())) == 2 for query in sent) == 1


def test_clients_of_others_are_only_made_up(honest: Honest) -> None:
    seen, requests = honest
    own = {each.credentials.client_id for each in (seen.client, seen.other) if each}
    named = {
        value for each in requests if each.path == "/authorize" for value in each.query.get("client_id", ())
    }

    assert all(each in own or each.startswith("unknown-") for each in named)
