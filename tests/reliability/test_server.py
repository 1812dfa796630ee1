"""An authorization server that answers badly, as a fresh process of ours meets it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcp_vacuum.lab import Faults, Lab
from mcp_vacuum.models import Credential

from .machine import Machine, sent
from .report import fault

SERVER = "The authorization server"
ANSWER_GONE = (
    "the login: the server has rotated the token, its answer did not arrive, and it ends the family when it"
    " is asked again. Nobody can prevent it, because nobody but the server ever had the new token. It is said"
    " to be *reply lost*, with the command to type"
)
Property = Callable[[str, object], None]
Switch = Callable[[Faults], None]


def set_to(**values: object) -> Switch:
    def switch(faults: Faults) -> None:
        for name, value in values.items():
            setattr(faults, name, value)

    return switch


def case(what: str, made: str, **values: object) -> object:
    return pytest.param(set_to(**values), marks=fault(what, chapter=SERVER, made=made), id=what)


def stored(machine: Machine, lab: Lab) -> Credential:
    store = machine.store()
    found = store.get(lab.mcp_url)
    store.close()
    assert found is not None
    return found


@pytest.mark.parametrize(
    "switch",
    [
        case("Late (strict)", "the answer comes after 2 s", token_delay=2.0),
        case("The answer comes twice (strict)", "head and body, and both again", token_twice=True),
        case("503 (strict)", "one 503, then as always", token_status=503),
        case("429 with Retry-After (strict)", "one 429 that says 1 s", token_status=429, retry_after=1),
        case(
            "Reset before the request is processed (strict)",
            "one connection is reset, then as always",
            token_reset_before=True,
        ),
    ],
)
def test_once_costs_nothing(machine: Machine, record_property: Property, switch: Switch) -> None:
    with machine.lab() as lab:
        lab.faults.token_times = 1
        switch(lab.faults)
        machine.gets_the_newest(lab)
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0
        assert stored(machine, lab).generation == 3
        record_property("requests for two tokens", sent(lab))


@pytest.mark.parametrize(
    "switch",
    [
        case("HTML (strict)", "a captive portal's 200, then as always", token_html=True),
        case("404 (strict)", "a plain 404, then as always", token_status=404),
        case("A redirect (strict)", "a 302, then as always", token_status=302),
    ],
)
def test_nonsense_is_said_and_costs_nothing(machine: Machine, switch: Switch) -> None:
    with machine.lab() as lab:
        before = stored(machine, lab)
        lab.faults.token_times = 1
        switch(lab.faults)
        done = machine.get(lab)
        assert done.code == 7, done
        assert "--force" in done.out
        after = stored(machine, lab)
        assert (after.generation, after.refresh_token) == (1, before.refresh_token)
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0


CUT: dict[str, tuple[str, dict[str, object]]] = {
    "Reset after the request was processed": ("the connection is reset instead", {"token_reset_after": True}),
    "Half a body": ("half of the body is sent, then the connection is closed", {"token_half_body": True}),
    "A content length that is too long": ("10 bytes too long, then closed", {"token_content_length": 10}),
    "A content length that is too short": ("10 bytes too short", {"token_content_length": -10}),
}


def cut(grace: str, lost: str) -> list[object]:
    return [
        pytest.param(
            set_to(**values), marks=fault(f"{what} ({grace})", chapter=SERVER, made=made, lost=lost), id=what
        )
        for what, (made, values) in CUT.items()
    ]


@pytest.mark.parametrize("switch", cut("grace", "nothing"))
def test_an_answer_that_is_cut_is_asked_for_again(
    machine: Machine, record_property: Property, switch: Switch
) -> None:
    with machine.lab(refresh_token_grace=60) as lab:
        lab.faults.token_times = 1
        switch(lab.faults)
        machine.gets_the_newest(lab)

        assert (stored(machine, lab).generation, lab.reuse_detected) == (2, 0)
        record_property("requests", sent(lab))


@pytest.mark.parametrize("switch", cut("strict", ANSWER_GONE))
def test_without_a_grace_period_the_loss_is_said(
    machine: Machine, record_property: Property, switch: Switch
) -> None:
    with machine.lab() as lab:
        lab.faults.token_times = 1
        switch(lab.faults)
        done = machine.get(lab)

        assert done.code == 3, done
        assert "the answer to an earlier refresh was lost" in done.out
        assert f"mcp-vacuum login {lab.mcp_url}" in done.out
        assert stored(machine, lab).ended == "reply_lost"
        assert "was lost" in machine.ok("status", lab.mcp_url).out
        record_property("requests", sent(lab))


@pytest.mark.long
@fault(
    "Later than anybody waits (grace)",
    chapter=SERVER,
    made="the answer comes after 20 s; the client waits for 15",
    lost="nothing; that call ends with exit 5, and the next one has the token",
)
def test_an_answer_that_comes_too_late(machine: Machine, record_property: Property) -> None:
    with machine.lab(refresh_token_grace=60) as lab:
        lab.faults.token_delay, lab.faults.token_times = 20.0, 1
        done = machine.get(lab)
        assert done.code == 5, done
        assert done.out.startswith("answer_lost")
        machine.gets_the_newest(lab)

        assert lab.reuse_detected == 0
        record_property("requests", sent(lab))
