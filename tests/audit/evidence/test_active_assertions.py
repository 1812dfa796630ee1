"""Client assertions with one defect each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_assertions import DEFECTS, REPLAYED, Holder, bad_assertions, key_for
from mcp_vacuum.audit.jwt import Jwt, is_signed_by
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import App, Request, Response, json_response
from mcp_vacuum.models import ClientCredentials
from tests.audit.planted.active import KEYS, OPTIONS
from tests.audit.seen_actively import Honest, collected, seen_of

ISSUER = "https://as.example"
PERSONAL = replace(KEYS, grants=())
"""A server without client credentials."""


@pytest.fixture(scope="module")
def asserted() -> Honest:
    return seen_of(KEYS)


@pytest.fixture
def holder() -> Holder:
    made = key_for(None)
    assert made is not None
    return Holder(ClientCredentials(client_id="c", issuer=ISSUER), *made, machine=True)


def registering(change: Callable[[dict[str, Any]], Response]) -> Callable[[Request, App], Response]:
    """Answer registrations with a key in another way; `change` gets the honest answer."""

    def around(request: Request, app: App) -> Response:
        answer = app(request)
        asked = request.json if isinstance(request.json, dict) else {}
        return change(json.loads(answer.body)) if "jwks" in asked else answer

    return around


def statuses(seen: ActiveEvidence) -> dict[str, int]:
    return {
        name: seen.seen[f"assertion: {name}"].status for name in DEFECTS if f"assertion: {name}" in seen.seen
    }


class TestWhatIsSent:
    """Each has one thing wrong."""

    def test_they_are_what_the_rule_asks_for(self, holder: Holder) -> None:
        assert (*bad_assertions(holder, ISSUER), REPLAYED) == DEFECTS

    def test_each_is_new(self, holder: Holder) -> None:
        made = [Jwt.read(each) for each in bad_assertions(holder, ISSUER).values()]

        assert all(made)
        assert len({each.claims["jti"] for each in made if each}) == len(made)

    def test_only_its_own_claim_is_wrong(self, holder: Holder) -> None:
        made = {what: Jwt.read(each) for what, each in bad_assertions(holder, ISSUER).items()}
        claims = {what: each.claims for what, each in made.items() if each}
        sound = holder.claims(ISSUER)

        for name, wrong in (
            ("aud", {"for another audience"}),
            ("sub", {"about another client"}),
            ("iss", set()),
        ):
            assert {what for what, told in claims.items() if told[name] != sound[name]} == wrong
        assert {what for what, told in claims.items() if "exp" not in told} == {"without exp"}
        assert {what for what, told in claims.items() if told.get("exp", sound["exp"]) < sound["iat"]} == {
            "that has expired"
        }

    def test_only_three_signatures_are_wrong(self, holder: Holder) -> None:
        keys = {"keys": [holder.key.as_dict(private=False)]}
        wrong = {
            what
            for what, each in bad_assertions(holder, ISSUER).items()
            if is_signed_by(each, keys) is not True
        }

        assert wrong == {
            "without a signature",
            "that was changed after it was signed",
            "that another key signed",
        }

    def test_what_is_secret_is_not_shown(self, holder: Holder) -> None:
        holder.refresh_token = "rt-secret"

        assert "rt-secret" not in repr(holder)
        assert str(holder.key.as_dict(private=True)["d"]) not in repr(holder)

    @pytest.mark.parametrize(
        ("listed", "algorithm"),
        [(None, "ES256"), (("RS256", "ES256"), "ES256"), (("EdDSA",), "EdDSA"), (("RS256",), "RS256")],
    )
    def test_a_key_that_fits(self, listed: tuple[str, ...] | None, algorithm: str) -> None:
        made = key_for(listed)

        assert made is not None
        assert made[1] == algorithm

    def test_there_is_none_for_a_shared_secret(self) -> None:
        assert key_for(("HS256",)) is None


class TestMachine:
    """A client that asks in its own name."""

    def test_an_honest_server_takes_only_the_sound_one(self, asserted: Honest) -> None:
        seen, _ = asserted

        assert statuses(seen) == dict.fromkeys(DEFECTS, 401)
        assert seen.seen["asserted"].status == 200
        assert seen.seen["assertion: token endpoint"].status == 401

    def test_it_asks_no_person(self, asserted: Honest) -> None:
        assert "asserting" not in asserted[0].visits

    def test_it_is_deleted(self, asserted: Honest) -> None:
        _, requests = asserted
        made = [each for each in requests if each.path == "/register" and each.status == 201]
        deleted = [each for each in requests if each.method == "DELETE" and each.status == 204]

        assert len(made) == len(deleted) == 3

    def test_its_private_key_is_sent_to_nobody(self, asserted: Honest) -> None:
        _, requests = asserted
        (told,) = [
            each.json["jwks"]["keys"]
            for each in requests
            if isinstance(each.json, dict) and "jwks" in each.json
        ]

        assert [set(key) & {"d", "p", "q"} for key in told] == [set()]

    def test_a_server_that_wants_the_token_endpoint_is_tried_with_it(self) -> None:
        def around(request: Request, app: App) -> Response:
            told = Jwt.read(request.form.get("client_assertion", ("",))[0])
            ours = told is not None and told.claims.get("aud") == lab.issuer
            return json_response({"error": "invalid_client"}, 401) if ours else app(request)

        with Lab(KEYS) as lab:
            lab.faults.assertion_unchecked = frozenset({"token endpoint"})
            lab.faults.around = around
            seen = collected(lab)

        assert seen.seen["asserted"].status == seen.seen["assertion: token endpoint"].status == 200
        assert statuses(seen) == dict.fromkeys(DEFECTS, 401)


class TestPerson:
    """A client that needs a login."""

    def test_one_login_is_enough(self) -> None:
        seen, requests = seen_of(PERSONAL)
        ended = [each for each in requests if each.path == "/revoke" and "client_assertion" in each.form]

        assert [name for name in seen.visits if name == "asserting"]
        assert statuses(seen) == dict.fromkeys(DEFECTS, 401)
        assert seen.seen["asserted"].status == 200
        assert [each.status for each in ended] == [200]

    def test_without_a_refresh_token_a_replay_cannot_be_tried(self) -> None:
        with Lab(replace(PERSONAL, issue_refresh_token=False)) as lab:
            seen = collected(lab)

        assert set(statuses(seen)) == set(DEFECTS) - {REPLAYED}
        assert "code was used up" in seen.why(f"assertion: {REPLAYED}")

    def test_a_server_that_gives_it_no_own_grant_is_logged_in_at(self) -> None:
        def change(told: dict[str, Any]) -> Response:
            return json_response({**told, "grant_types": ["authorization_code"]}, 201)

        with Lab(KEYS) as lab:
            lab.faults.around = registering(change)
            seen = collected(lab)
            made = [each for each in lab.recorder.to("/register") if each.status == 201]
            deleted = [
                each for each in lab.recorder.requests if each.method == "DELETE" and each.status == 204
            ]

        assert "asserting" in seen.visits
        assert statuses(seen) == dict.fromkeys(DEFECTS, 401)
        assert len(made) == len(deleted) == 4


class TestNothing:
    """Why it may not be tried."""

    def test_where_a_client_is_given_none_is_registered(self) -> None:
        with Lab(KEYS) as lab:
            lab.add_client("mine")
            mine = ClientCredentials(client_id="mine")
            given = replace(OPTIONS, client=mine, redirect_uri="http://127.0.0.1/callback", most_logins=1)
            seen = collected(lab, given)
            assert not lab.recorder.to("/register")

        assert seen.why("asserted") == "no client is registered where one was given"

    def test_a_server_that_does_not_list_it(self, honest: Honest) -> None:
        assert honest[0].why("asserted") == "NOT_APPLICABLE: the server does not list private_key_jwt"

    def test_a_server_that_does_not_register_it(self) -> None:
        with Lab(KEYS) as lab:
            lab.faults.around = registering(
                lambda told: json_response({"error": "invalid_client_metadata"}, 400)
            )
            seen = collected(lab)

        assert seen.why("asserted") == "no client with a key could be registered: invalid_client_metadata"

    def test_a_server_that_registers_something_else(self) -> None:
        with Lab(KEYS) as lab:
            other = {"token_endpoint_auth_method": "client_secret_basic", "client_secret": "s"}
            lab.faults.around = registering(lambda told: json_response({**told, **other}, 201))
            seen = collected(lab)
            deleted = [
                each for each in lab.recorder.requests if each.method == "DELETE" and each.status == 204
            ]

        assert seen.why("asserted").endswith("it was registered otherwise than asked")
        assert len(deleted) == 4

    def test_a_server_that_wants_another_signature(self) -> None:
        with Lab(KEYS) as lab:
            name = "token_endpoint_auth_signing_alg_values_supported"
            lab.faults.metadata_override = {name: ["HS256"]}
            seen = collected(lab)

        assert "no signature that this audit can make" in seen.why("asserted")
