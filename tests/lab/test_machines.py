"""Grants without a person, at the lab: who gets a token, and who does not."""

import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.lab.machines import ACCESS_TOKEN, CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE

from .plain import Answer, Plain, post_form

KEY = ECKey.generate_key("P-256")
JWT = "urn:ietf:params:oauth:token-type:jwt"
CONFIG = LabConfig(
    grants=(CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE), trusted_key=KEY.as_pem(private=False).decode()
)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(CONFIG) as lab:
        lab.add_client("svc", client_secret="s", auth_method="client_secret_basic")
        yield lab


def ask(lab: Lab, grant_type: str, **form: str) -> Answer:
    basic = {"Authorization": f"Basic {b64encode(b'svc:s').decode()}"}
    full = {"grant_type": grant_type, "resource": lab.resource, **form}
    return post_form(f"{lab.issuer}/token", full, **basic)


def signed(lab: Lab, key: ECKey = KEY, **changes: Any) -> str:
    claims = {"aud": lab.issuer, "exp": time.time() + 60, **changes}
    return jwt.encode({"alg": "ES256"}, claims, key)


def test_client_credentials(lab: Lab) -> None:
    answer = ask(lab, CLIENT_CREDENTIALS)

    assert answer.status == 200
    assert "refresh_token" not in answer.json
    assert Plain(lab).call(answer.json["access_token"]).status == 200


def test_a_public_client_cannot_show_who_it_is(lab: Lab) -> None:
    form = {"grant_type": CLIENT_CREDENTIALS, "client_id": Plain(lab).client_id, "resource": lab.resource}

    assert post_form(f"{lab.issuer}/token", form).error == (400, "unauthorized_client")


def test_an_assertion(lab: Lab) -> None:
    assert ask(lab, JWT_BEARER, assertion=signed(lab)).status == 200
    assert ask(lab, JWT_BEARER, assertion=signed(lab, aud=[f"{lab.issuer}/token"])).status == 200


@pytest.mark.parametrize(
    "changes", [{"aud": "x"}, {"exp": 1}, {"exp": None}, {"key": ECKey.generate_key("P-256")}]
)
def test_an_assertion_that_is_not_taken(lab: Lab, changes: dict[str, Any]) -> None:
    assert ask(lab, JWT_BEARER, assertion=signed(lab, **changes)).error == (400, "invalid_grant")


def test_an_exchange(lab: Lab) -> None:
    own = ask(lab, CLIENT_CREDENTIALS).json["access_token"]

    assert ask(lab, TOKEN_EXCHANGE, subject_token=own, subject_token_type=ACCESS_TOKEN).status == 200
    assert ask(lab, TOKEN_EXCHANGE, subject_token=signed(lab), subject_token_type=JWT).status == 200
    refused = ask(lab, TOKEN_EXCHANGE, subject_token="x", subject_token_type=ACCESS_TOKEN)
    assert refused.error == (400, "invalid_request")


def test_they_are_off_by_default() -> None:
    with Lab() as lab:
        lab.add_client("svc", client_secret="s", auth_method="client_secret_basic")

        assert ask(lab, CLIENT_CREDENTIALS).error == (400, "unsupported_grant_type")
