"""Pushed authorization requests at the lab (RFC 9126), by hand."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.lab.pushed import PREFIX

from .plain import CALLBACK, Answer, Plain, challenge, get, post_form, query


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(LabConfig(par=True)) as lab:
        yield lab


@pytest.fixture
def plain(lab: Lab) -> Plain:
    return Plain(lab)


def push(plain: Plain, **changes: str) -> Answer:
    form = {
        "response_type": "code",
        "client_id": plain.client_id,
        "redirect_uri": CALLBACK,
        "state": "pushed",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        "resource": plain.lab.resource,
        **changes,
    }
    return post_form(f"{plain.lab.issuer}/par", form)


def url(plain: Plain, name: str, **beside: str) -> str:
    sent = {"client_id": plain.client_id, "request_uri": name, **beside}
    return f"{plain.lab.issuer}/authorize?{urlencode(sent)}"


def test_the_metadata_says_so(lab: Lab) -> None:
    document = get(f"{lab.issuer}/.well-known/oauth-authorization-server").json

    assert document["pushed_authorization_request_endpoint"] == f"{lab.issuer}/par"


def test_it_stands_for_what_was_pushed_and_once(plain: Plain) -> None:
    told = push(plain)
    address = url(plain, told.json["request_uri"], state="of the address")
    back = query(User().visit(address))

    assert (told.status, told.json["expires_in"]) == (201, 60)
    assert told.json["request_uri"].startswith(PREFIX)
    assert back["state"] == ["pushed"]
    assert plain.exchange(back["code"][0]).status == 200
    assert get(address).status == 400


def test_a_no_uses_it_up_too(plain: Plain) -> None:
    address = url(plain, push(plain).json["request_uri"])

    assert query(User("deny").visit(address))["error"] == ["access_denied"]
    assert get(address).status == 400


def test_it_may_be_loaded_again_before_somebody_answers(plain: Plain) -> None:
    address = url(plain, push(plain).json["request_uri"])

    assert [get(address).status for _ in range(2)] == [200, 200]


def test_another_client_cannot_use_it(lab: Lab, plain: Plain) -> None:
    name = push(plain).json["request_uri"]

    assert get(url(Plain(lab), name)).status == 400
    lab.faults.pushed_for_any_client = True
    assert get(url(Plain(lab), name)).status == 200


def test_it_expires(lab: Lab, plain: Plain) -> None:
    name = push(plain).json["request_uri"]
    lab.advance(61)

    assert get(url(plain, name)).status == 400
    lab.faults.pushed_lasts = True
    assert get(url(plain, name)).status == 200


def test_who_pushes_has_to_say_who_that_is(lab: Lab, plain: Plain) -> None:
    confidential = plain.register(token_endpoint_auth_method="client_secret_post").json
    client_id, secret = confidential["client_id"], confidential["client_secret"]

    assert push(plain, client_id=client_id, client_secret=secret).status == 201
    assert push(plain, client_id=client_id).error == (401, "invalid_client")
    assert push(plain, client_id="nobody").error == (401, "invalid_client")
    lab.faults.anybody_pushes = True
    assert push(plain, client_id=client_id).status == 201
    assert push(plain, client_id="nobody").error == (401, "invalid_client")


@pytest.mark.parametrize(
    "changes", [{"request_uri": f"{PREFIX}x"}, {"redirect_uri": "https://evil.example/callback"}]
)
def test_what_is_not_taken(plain: Plain, changes: dict[str, str]) -> None:
    assert push(plain, **changes).error == (400, "invalid_request")


def test_what_its_faults_do(lab: Lab, plain: Plain) -> None:
    lab.faults.counts_pushed = lab.faults.pushed_reusable = lab.faults.query_overrides_pushed = True
    told = push(plain).json
    address = url(plain, told["request_uri"], state="of the address")

    assert told["request_uri"] == f"{PREFIX}1000"
    assert query(User().visit(address))["state"] == ["of the address"]
    assert get(address).status == 200


def test_it_is_off_by_default() -> None:
    with Lab() as lab:
        assert push(Plain(lab)).status == 404
