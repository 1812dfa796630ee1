"""When the rules about stored things cannot tell, and how they name things."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.store_foreign import ForeignSecret
from mcp_vacuum.audit.rules.store_words import counted, members, record, untold
from mcp_vacuum.safety.secret import Secret
from tests.audit.machine import SERVER, credential
from tests.audit.stored import evidence


def secrets(*kinds: str) -> list[ForeignSecret]:
    return [ForeignSecret(kind, f"a[{n}]", 1, Secret("x")) for n, kind in enumerate(kinds)]


def test_what_is_counted() -> None:
    assert (
        counted(secrets("access token", "refresh token", "access token"))
        == "2 access tokens and a refresh token"
    )
    assert counted(secrets("API key", "JWT", "token")) == "an API key, a JWT and a token"
    assert counted(secrets("ID token")) == "an ID token"


def test_only_a_few_members_are_named() -> None:
    assert members(secrets(*["token"] * 5)) == "a[0], a[1], a[2] and 2 more"


def test_an_account_is_named_where_it_is_not_the_usual_one() -> None:
    assert record(credential()) == f"login {SERVER}"
    assert record(credential(account="work")) == f"login {SERVER} (account work)"


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"vault": None}, "NOT_APPLICABLE: there is no vault"),
        ({"vault": "it is damaged"}, "INCONCLUSIVE: it is damaged"),
        ({"logins": "the vault is locked"}, "INCONCLUSIVE: the records are sealed: the vault is locked"),
        ({"closed": ("login x",)}, "INCONCLUSIVE: 1 records do not open: login x"),
        ({"logins": ()}, "NOT_APPLICABLE: the vault is empty"),
    ],
)
def test_reasons(changes: dict[str, object], because: str) -> None:
    assert [each.because for each in untold(replace(evidence(), **changes))] == [because]  # type: ignore[arg-type]


def test_no_reason_where_there_is_none() -> None:
    assert list(untold(evidence())) == []
    assert list(untold(replace(evidence(), vault=None), beside=True)) == []
