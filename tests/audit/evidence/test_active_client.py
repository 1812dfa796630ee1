"""The auditor's own clients."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.active_client import DANGEROUS
from mcp_vacuum.audit.evidence.active_session import ActiveOptions
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.safety.secret import Secret
from tests.audit.seen_actively import Honest, collected

ONE = ActiveOptions(timeout=5, defect_timeout=0.5, grace=0, most_logins=1)


def test_a_public_client_and_one_with_a_secret(honest: Honest) -> None:
    seen, _ = honest
    assert seen.client
    assert seen.other

    assert (seen.client.public, seen.other.public) == (True, False)
    assert all(f"registered {what}" in seen.seen for what in DANGEROUS)


def test_what_is_taken_of_the_dangerous_ones_is_deleted_too() -> None:
    with Lab() as lab:
        lab.faults.registers_any_redirect = True
        collected(lab, ONE)
        deleted = [each for each in lab.recorder.requests if each.method == "DELETE" and each.status == 204]

    assert len(deleted) == 2 + len(DANGEROUS)


def test_a_client_that_was_there_before_is_used_and_nothing_is_registered() -> None:
    with Lab(LabConfig(any_loopback_port=True)) as lab:
        lab.add_client("mine", client_secret="s" * 20, auth_method="client_secret_basic")
        mine = ClientCredentials(client_id="mine", client_secret=Secret("s" * 20))
        options = ActiveOptions(
            client=mine, redirect_uri="http://127.0.0.1/callback", timeout=5, most_logins=1
        )
        seen = collected(lab, options)
        assert not lab.recorder.to("/register")
        guesses = [each for each in lab.recorder.to("/token") if each.status == 429]

    assert seen.token()
    assert guesses == []


def test_nobody_can_register_and_no_client_is_given() -> None:
    with Lab(LabConfig(dcr=False)) as lab:
        seen = collected(lab)

    assert "--client-id" in seen.why("first")
