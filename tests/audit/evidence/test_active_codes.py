"""What is done with codes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_codes import AT_ONCE, HELD, LADDER
from mcp_vacuum.audit.evidence.active_session import ActiveOptions
from mcp_vacuum.lab import Lab, LabConfig
from tests.audit.planted.active import HONEST, OPTIONS, PATIENT
from tests.audit.seen_actively import Honest, collected


def test_a_server_that_uses_codes_up_gets_a_new_one_for_each_defect(honest: Honest) -> None:
    seen, _requests = honest
    rounds = [name for name in seen.visits if name.startswith("ladder")]

    assert rounds == ["ladder", "ladder 2", "ladder 3", "ladder 4", "ladder 5"]
    assert set(LADDER) <= set(seen.seen)


def test_the_replays_are_all_the_same_request(honest: Honest) -> None:
    seen, _ = honest
    tries = [seen.seen[f"at once {number}"] for number in range(1, AT_ONCE + 1)] + [seen.seen["replayed"]]

    assert len({each.request.body for each in tries if each.request}) == 1
    assert len(tries) == 11


def test_the_second_client_is_tried_without_its_secret_first(honest: Honest) -> None:
    seen, _ = honest
    numbers = [seen.seen[name].number for name in ("without secret", "wrong secret", "granted to another")]

    assert numbers == sorted(numbers)
    assert [seen.seen[name].status for name in ("without secret", "wrong secret")] == [401, 401]


class TestHolding:
    """A code that is held until it should have expired."""

    def test_nothing_is_waited_for_unless_somebody_is_patient(self) -> None:
        waited, _ = held(OPTIONS, HONEST)

        assert waited == []

    @pytest.mark.parametrize(("lifetime", "status"), [(HELD - 1, 400), (HELD + 60, 200)])
    def test_the_code_is_as_old_as_that_when_it_is_redeemed(self, lifetime: float, status: int) -> None:
        waited, seen = held(PATIENT, replace(HONEST, code_lifetime=lifetime))

        assert waited == [HELD]
        assert HELD > 600
        assert seen.seen["held"].status == status

    def test_it_is_the_last_thing_before_what_ends_a_grant(self) -> None:
        _, seen = held(PATIENT, HONEST)
        order = [exchange.purpose for exchange in seen.exchanges]
        place = order.index("redeem a code that is too old")

        assert order.index("refresh") < place < order.index("refresh as another client")

    def test_what_it_brought_is_ended(self) -> None:
        with Lab(replace(HONEST, code_lifetime=HELD + 60)) as lab:
            token = collected(lab, PATIENT).token("held", "refresh_token")
            revoked = [each.form.get("token") for each in lab.recorder.to("/revoke")]

        assert (token,) in revoked

    def test_a_login_that_brings_no_code_is_not_waited_for(self) -> None:
        waited, seen = held(replace(PATIENT, most_logins=1), HONEST)

        assert waited == []
        assert "limit of logins" in seen.why("held")


def held(options: ActiveOptions, config: LabConfig) -> tuple[list[float], ActiveEvidence]:
    """Audit a laboratory; return what was waited for, and what was seen."""
    waited: list[float] = []
    with Lab(config) as lab:

        async def wait(seconds: float, what: str) -> None:
            waited.append(seconds)
            lab.advance(seconds)

        return waited, collected(lab, options, wait=wait)
