"""Device logins at the lab, step by step (RFC 8628)."""

import time
from collections.abc import Iterator

import pytest

from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.lab.device import GRANT, SLOWER

from .plain import Answer, Plain, get, post_form


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(LabConfig(grants=(GRANT,), device_interval=0.05)) as lab:
        yield lab


@pytest.fixture
def plain(lab: Lab) -> Plain:
    return Plain(lab)


def begin(plain: Plain, **changes: str) -> Answer:
    form = {"client_id": plain.client_id, "resource": plain.lab.resource, **changes}
    return post_form(f"{plain.lab.issuer}/device_authorization", form)


def poll(plain: Plain, device_code: str, wait: float = 0.06) -> Answer:
    time.sleep(wait)
    form = {"grant_type": GRANT, "device_code": device_code, "client_id": plain.client_id}
    return post_form(f"{plain.lab.issuer}/token", {**form, "resource": plain.lab.resource})


def test_the_metadata_says_so(lab: Lab) -> None:
    document = get(f"{lab.issuer}/.well-known/oauth-authorization-server").json

    assert document["device_authorization_endpoint"] == f"{lab.issuer}/device_authorization"
    assert GRANT in document["grant_types_supported"]


def test_pending_then_yes_then_used_up(lab: Lab, plain: Plain) -> None:
    told = begin(plain).json
    pending = poll(plain, told["device_code"])
    User().visit(told["verification_uri_complete"])
    granted = poll(plain, told["device_code"])

    assert pending.error == (400, "authorization_pending")
    assert granted.status == 200
    assert plain.call(granted.json["access_token"]).status == 200
    assert poll(plain, told["device_code"]).error == (400, "invalid_grant")


def test_no(plain: Plain) -> None:
    told = begin(plain).json
    User("deny").visit(told["verification_uri_complete"])

    assert poll(plain, told["device_code"]).error == (400, "access_denied")


def test_too_fast(plain: Plain) -> None:
    told = begin(plain).json
    poll(plain, told["device_code"])

    assert poll(plain, told["device_code"], wait=0).error == (400, "slow_down")
    assert poll(plain, told["device_code"], wait=0.1).error == (400, "slow_down")
    assert SLOWER == 5


def test_another_clients_code(lab: Lab, plain: Plain) -> None:
    told = begin(plain).json

    assert poll(Plain(lab), told["device_code"]).error == (400, "invalid_grant")


def test_a_code_that_nobody_has(lab: Lab) -> None:
    assert get(f"{lab.issuer}/device?user_code=AAAA-AAAA").status == 400
    assert post_form(f"{lab.issuer}/device", {"user_code": "AAAA-AAAA"}).status == 400


@pytest.mark.parametrize("changes", [{"resource": "https://other.example"}, {"scope": "unknown"}])
def test_what_cannot_be_had(plain: Plain, changes: dict[str, str]) -> None:
    assert begin(plain, **changes).status == 400


def test_it_is_off_by_default() -> None:
    with Lab() as lab:
        plain = Plain(lab)

        assert begin(plain).status == 404
        assert poll(plain, "x").error == (400, "unsupported_grant_type")
