"""How hard something is to guess."""

from __future__ import annotations

import secrets
import uuid

import pytest

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.guess import ENOUGH, TOLERABLE_BITS, WANTED_BITS, bits_of, is_dated, samples_of
from mcp_vacuum.lab import Recorded


def five(make) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
    return tuple(f"code-{make()}" for _ in range(ENOUGH))


def test_random_values_have_what_is_wanted() -> None:
    assert bits_of(five(lambda: secrets.token_urlsafe(32))) > WANTED_BITS
    assert bits_of(five(lambda: secrets.token_hex(24))) > WANTED_BITS


def test_a_random_uuid_is_tolerable() -> None:
    assert TOLERABLE_BITS < bits_of(five(uuid.uuid4)) < WANTED_BITS


@pytest.mark.parametrize(
    "values",
    [
        tuple(str(number) for number in range(100000, 100005)),
        tuple(f"{'x' * 60}{number}{'y' * 60}" for number in range(5)),
        tuple(secrets.token_hex(8) for _ in range(5)),
        ("a", ""),
    ],
)
def test_what_only_counts_or_is_short_has_little(values: tuple[str, ...]) -> None:
    assert bits_of(values) < TOLERABLE_BITS


def test_one_value_tells_nothing() -> None:
    assert bits_of(("x",)) > 1e9


def test_the_time_in_a_uuid_is_noticed() -> None:
    assert is_dated(str(uuid.uuid1()))
    assert not is_dated(str(uuid.uuid4()))
    assert not is_dated("no uuid")


def test_samples_are_codes_and_opaque_tokens(honest: tuple[ActiveEvidence, tuple[Recorded, ...]]) -> None:
    found = samples_of(honest[0])

    assert set(found) == {"code", "access token", "refresh token"}
    assert all(len(values) == len(set(values)) >= ENOUGH for values in found.values())
