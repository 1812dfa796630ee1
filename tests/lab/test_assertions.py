"""Clients with a key at the lab (RFC 7523 §3), by hand."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.lab.assertions import METHOD, TYPE, keys_of, named_in

from .plain import CALLBACK, Answer, get, post_form, post_json

KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
UNSIGNED = "eyJhbGciOiJub25lIn0"


@pytest.fixture
def lab() -> Iterator[Lab]:
    methods = ("none", METHOD)
    with Lab(LabConfig(token_endpoint_auth_methods=methods, grants=("client_credentials",))) as lab:
        yield lab


def register(lab: Lab, **changes: object) -> Answer:
    asked = {
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": METHOD,
        "jwks": {"keys": [KEY.as_dict(private=False)]},
        **changes,
    }
    return post_json(f"{lab.issuer}/register", asked)


@pytest.fixture
def client_id(lab: Lab) -> str:
    return str(register(lab).json["client_id"])


def signed(lab: Lab, client_id: str, key: ECKey = KEY, **changes: Any) -> str:
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": lab.issuer,
        "exp": int(time.time()) + 60,
        "jti": secrets.token_urlsafe(8),
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "ES256"}, given, key)


def ask(lab: Lab, assertion: str, **more: str) -> Answer:
    form = {
        "grant_type": "client_credentials",
        "resource": lab.resource,
        "client_assertion_type": TYPE,
        "client_assertion": assertion,
        **more,
    }
    return post_form(f"{lab.issuer}/token", form)


def test_the_metadata_says_so(lab: Lab) -> None:
    document = get(f"{lab.issuer}/.well-known/oauth-authorization-server").json

    assert METHOD in document["token_endpoint_auth_methods_supported"]
    assert document["token_endpoint_auth_signing_alg_values_supported"] == ["ES256", "EdDSA"]


def test_a_client_with_a_key_gets_no_secret(lab: Lab) -> None:
    told = register(lab)

    assert told.status == 201
    assert told.json["token_endpoint_auth_method"] == METHOD
    assert "client_secret" not in told.json


@pytest.mark.parametrize(
    "jwks", [None, {}, {"keys": []}, {"keys": [{"kty": "RSA"}]}, {"keys": [KEY.as_dict(private=True)]}]
)
def test_a_key_is_needed_and_a_public_one(lab: Lab, jwks: object) -> None:
    assert register(lab, jwks=jwks).error == (400, "invalid_client_metadata")


def test_a_sound_assertion_is_good_once(lab: Lab, client_id: str) -> None:
    assertion = signed(lab, client_id)

    assert ask(lab, assertion).status == 200
    assert ask(lab, assertion).error == (401, "invalid_client")
    assert ask(lab, signed(lab, client_id, aud=[lab.issuer]), client_id=client_id).status == 200


BAD = (
    ({"exp": 1}, "exp"),
    ({"exp": None}, "no exp"),
    ({"aud": "https://other.example"}, "aud"),
    ({"aud": None}, "aud"),
    ({"sub": "somebody"}, "sub"),
    ({"key": OTHER}, "signature"),
)


@pytest.mark.parametrize(("changes", "unchecked"), BAD)
def test_what_is_wrong_with_it_counts_unless_nobody_looks(
    lab: Lab, client_id: str, changes: dict[str, Any], unchecked: str
) -> None:
    assert ask(lab, signed(lab, client_id, **changes)).error == (401, "invalid_client")
    lab.faults.assertion_unchecked = frozenset({unchecked})
    assert ask(lab, signed(lab, client_id, **changes)).status == 200


def test_the_token_endpoint_is_an_audience_only_where_it_is_made_one(lab: Lab, client_id: str) -> None:
    audience = f"{lab.issuer}/token"

    assert ask(lab, signed(lab, client_id, aud=audience)).status == 401
    lab.faults.assertion_unchecked = frozenset({"token endpoint"})
    assert ask(lab, signed(lab, client_id, aud=audience)).status == 200
    assert ask(lab, signed(lab, client_id, aud=[audience, "https://other.example"])).status == 401


def test_no_algorithm_is_no_signature(lab: Lab, client_id: str) -> None:
    lab.faults.assertion_unchecked = frozenset({"signature"})
    assert ask(lab, f"{UNSIGNED}.{signed(lab, client_id).split('.')[1]}.").status == 401
    lab.faults.assertion_unchecked = frozenset({"alg"})
    assert ask(lab, f"{UNSIGNED}.{signed(lab, client_id).split('.')[1]}.").status == 200


def test_a_jti_may_come_again_where_nobody_looks(lab: Lab, client_id: str) -> None:
    lab.faults.assertion_unchecked = frozenset({"jti"})
    assertion = signed(lab, client_id)

    assert [ask(lab, assertion).status for _ in range(2)] == [200, 200]
    assert ask(lab, signed(lab, client_id, jti=None)).status == 401


@pytest.mark.parametrize(
    "more", [{"client_secret": "x"}, {"client_assertion_type": "urn:example:saml"}, {"client_id": "nobody"}]
)
def test_one_way_of_authentication_and_a_known_one(lab: Lab, client_id: str, more: dict[str, str]) -> None:
    assert ask(lab, signed(lab, client_id), **more).status in (400, 401)


def test_a_client_without_a_key_has_no_assertion(lab: Lab) -> None:
    public = register(lab, token_endpoint_auth_method="none").json["client_id"]

    assert ask(lab, signed(lab, public)).error == (401, "invalid_client")


def test_what_is_no_assertion(lab: Lab) -> None:
    assert ask(lab, "x").error == (401, "invalid_client")
    assert named_in("x") == ""


def test_keys_that_the_lab_cannot_use_are_left_out() -> None:
    usable = OKPKey.generate_key("Ed25519").as_dict(private=False)

    assert len(keys_of({"keys": [{"kty": "oct"}, usable, 7]})) == 1
    assert keys_of(json.loads("[]")) == ()
