"""The order of an active audit, and what is left of it."""

from __future__ import annotations

import os
import signal

import anyio
import pytest

from mcp_vacuum.audit.evidence.active_session import ActiveOptions
from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import LoginDeclined
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.protocol.effects import Authorize
from tests.audit.planted.active import DPOP, HONEST, PATIENT
from tests.audit.seen_actively import Honest, collected, seen_of


class Nobody:
    """A person who never comes."""

    def visit(self, authorize: Authorize) -> str:
        raise LoginDeclined("nobody finished the login within 5 s")


def nobody(listener: LoopbackListener, timeout: float) -> Person:
    return Nobody()


def test_what_ends_a_grant_comes_after_what_does_not(honest: Honest) -> None:
    seen, _ = honest
    order = [exchange.purpose for exchange in seen.exchanges]
    last_harmless = max(order.index(each) for each in ("use the token", "refresh") if each in order)

    assert (
        last_harmless
        < order.index("the same code, ten times at once")
        < order.index("revoke the refresh token")
    )
    assert order.index("use the first refresh token again") < order.index("guess 1 at a secret of our own")


def test_the_recording_is_in_order_and_has_the_logins(honest: Honest) -> None:
    seen, _ = honest
    numbers = [exchange.number for exchange in seen.exchanges]

    assert numbers == sorted(numbers)
    assert sum(exchange.outcome == "visited" for exchange in seen.exchanges) == 2 * len(seen.visits)


def test_nothing_is_left_behind(honest: Honest) -> None:
    _, requests = honest
    made = [each for each in requests if each.path == "/register" and each.status == 201]
    deleted = [each for each in requests if each.method == "DELETE" and each.path.startswith("/register/")]

    assert len(made) == len([each for each in deleted if each.status == 204]) == 2


def test_only_reading_requests_go_to_the_mcp_server(honest: Honest) -> None:
    _, requests = honest
    sent = [each.json for each in requests if each.server == "mcp" and isinstance(each.json, dict)]

    assert {each.get("method") for each in sent} <= {
        *(
            "initialize",
            "server/discover",
            "ping",
            "tools/list",
            "tools/call",
            "resources/list",
            "prompts/list",
        ),
    }
    named = [each["params"]["name"] for each in sent if each.get("method") == "tools/call"]
    assert set(named) == {"mcp-vacuum-audit-no-such-tool"}


def test_a_person_who_does_not_come_is_asked_once_and_nothing_passes() -> None:
    with Lab() as lab:
        asked: list[str] = []
        seen = collected(lab, ways=nobody, progress=lambda step, text: asked.append(text))

        assert len(asked) == 1
        assert "redeemed" not in seen.seen
        assert "nobody finished" in seen.why("redeemed")
        assert lab.recorder.requests[-1].method == "DELETE"


def test_the_limit_of_logins_is_kept() -> None:
    with Lab() as lab:
        seen = collected(lab, ActiveOptions(timeout=5, defect_timeout=0.5, grace=0, most_logins=2))

    assert len([each for each in seen.visits.values() if each.arrived and each.name != "silent login"]) == 2
    assert "limit of logins" in seen.why("verifier is challenge")


def test_what_needs_nobody_does_not_count(honest: Honest) -> None:
    with Lab() as lab:
        told: list[str] = []
        collected(lab, progress=lambda step, text: told.append(text))
    (silent,) = [place for place, text in enumerate(told) if "prompt=none" in text]

    assert told[silent].partition(":")[0] == told[silent - 1].partition(":")[0]


def test_an_open_server_has_nobody_to_log_in() -> None:
    with Lab(LabConfig(require_login=False)) as lab:
        seen = collected(lab)
        assert not lab.recorder.to("/register")

    assert seen.why("first") == "NOT_APPLICABLE: the server asks nobody for a login"


def test_where_tokens_are_bound_every_request_has_its_proof_but_the_one_that_lacks_it() -> None:
    seen, requests = seen_of(DPOP)
    sent = [each for each in requests if each.path == "/token" and each.method == "POST"]

    assert seen.bound
    assert len([each for each in sent if "dpop" not in each.headers]) == 1


def test_who_gives_up_in_the_middle_leaves_nothing_behind_either() -> None:
    def give_up(step: str, text: str) -> None:
        if text.startswith("login 3"):
            raise KeyboardInterrupt

    with Lab() as lab:
        with pytest.raises(KeyboardInterrupt):
            collected(lab, progress=give_up)
        made = [each for each in lab.recorder.requests if each.path == "/register" and each.status == 201]
        deleted = [each for each in lab.recorder.requests if each.method == "DELETE" and each.status == 204]

    assert len(made) == len(deleted) == 2


def test_who_gives_up_while_a_code_is_held_leaves_nothing_behind_either() -> None:
    async def give_up(seconds: float, what: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await anyio.sleep(seconds)

    with Lab(HONEST) as lab:
        with pytest.raises(KeyboardInterrupt):
            collected(lab, PATIENT, wait=give_up)
        requests = lab.recorder.requests
        made = [each for each in requests if each.path == "/register" and each.status == 201]
        deleted = [each for each in requests if each.method == "DELETE" and each.status == 204]

    assert len(made) == len(deleted) == 2
    assert len([each for each in requests if each.path == "/revoke"]) >= 1
