"""What the checks make of a server, each fault of the laboratory by its real cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mcp_vacuum.doctor.conversation import Conversation, Terms, converse
from mcp_vacuum.doctor.finding import Finding
from mcp_vacuum.doctor.logins import Logins
from mcp_vacuum.doctor.server import AFTER_PROBE, check_binding, check_conversation, check_stored
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.lab.faults import ABSENT
from mcp_vacuum.models import Credential
from mcp_vacuum.protocol.discovery import Discovery
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret


def ask(lab: Lab, **terms: Any) -> Conversation:
    return converse(lab.mcp_url, NetworkPolicy("127.0.0.1"), Terms(**terms))


def judged(talk: Conversation) -> dict[str, Finding]:
    return {found.name: found for found in check_conversation(talk)}


def test_a_server_without_trouble(lab: Lab) -> None:
    found = judged(ask(lab))

    assert {each.verdict for each in found.values()} == {"ok"}
    assert set(found) == {"greeting", "skew", *AFTER_PROBE}
    assert found["issuer"].what == lab.issuer
    assert found["endpoints"].what == "authorization, token, registration, revocation"
    assert found["registration"].what == "dynamic registration"


@pytest.mark.parametrize(
    ("faults", "failing", "exit_status", "words"),
    [
        ({"mcp_status": 503}, "greeting", 5, "status 503"),
        ({"mcp_html": True, "resource_metadata_status": 404}, "greeting", 7, "looks like no MCP server"),
        ({"resource_metadata_status": 404}, "resource-metadata", 7, "no protected resource metadata"),
        ({"resource_metadata_status": 500}, "resource-metadata", 5, "status 500"),
        ({"resource_metadata_html": True}, "resource-metadata", 7, "no protected resource metadata"),
        ({"wrong_resource": "https://other.example"}, "resource-metadata", 4, "for another resource"),
        ({"no_authorization_servers": True}, "resource-metadata", 7, "lists no authorization server"),
        (
            {"resource_metadata_override": {"authorization_servers": ["http://as.example"]}},
            "issuer",
            4,
            "plain http",
        ),
        ({"wrong_issuer": "https://other.example"}, "issuer", 4, "names another issuer"),
        ({"metadata_status": 404}, "server-metadata", 7, "publishes no metadata"),
        ({"wrong_issuer": True}, "server-metadata", 7, "issuer: Input should be a valid string"),
        ({"metadata_status": 403}, "server-metadata", 7, "status 403"),
        ({"metadata_redirect": "https://other.example/x"}, "server-metadata", 4, "another origin"),
        ({"metadata_override": {"token_endpoint": ABSENT}}, "endpoints", 7, "has no token_endpoint"),
        (
            {"metadata_override": {"token_endpoint": "http://as.example/token"}},
            "endpoints",
            4,
            "token_endpoint is plain http",
        ),
        ({"no_pkce_advertised": True}, "pkce", 4, "nothing is advertised"),
        ({"pkce_plain_only": True}, "pkce", 4, "only plain is advertised"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_each_fault_fails_at_its_own_hop(
    lab: Lab, faults: Mapping[str, Any], failing: str, exit_status: int, words: str
) -> None:
    for name, value in faults.items():
        setattr(lab.faults, name, value)
    found = judged(ask(lab))
    failed = [each.name for each in found.values() if each.verdict == "fail"]

    assert failed == [failing]
    assert found[failing].exit_status == exit_status
    assert words in found[failing].what
    assert found[failing].why or found[failing].fix


def test_what_a_failed_hop_was_needed_for_is_skipped_and_says_because(lab: Lab) -> None:
    lab.faults.metadata_status = 404
    found = judged(ask(lab))

    assert "(404)" in found["server-metadata"].why
    assert {n for n, each in found.items() if each.verdict == "skipped"} == {
        "endpoints",
        "pkce",
        "registration",
    }
    assert found["pkce"].what == "server metadata failed"


def test_the_urls_that_were_tried_are_told() -> None:
    with Lab(LabConfig(prm_location="root", challenge_hints=False)) as lab:
        found = judged(ask(lab))

    assert "/mcp (404)" in found["resource-metadata"].what
    assert found["resource-metadata"].what.endswith("oauth-protected-resource (200)")


def test_a_401_without_a_challenge_is_worth_a_look(lab: Lab) -> None:
    lab.faults.challenge = ()
    found = judged(ask(lab))

    assert found["greeting"].verdict == "warn"
    assert found["resource-metadata"].verdict == "ok"


def test_a_page_instead_of_a_401_is_worth_a_look(lab: Lab) -> None:
    lab.faults.mcp_html = True
    found = judged(ask(lab))

    assert (found["greeting"].verdict, "status 200" in found["greeting"].what) == ("warn", True)
    assert found["resource-metadata"].verdict == "ok"


def test_a_server_that_needs_no_login() -> None:
    with Lab(LabConfig(require_login=False)) as lab:
        talk = ask(lab)
    found = judged(talk)

    assert found["greeting"].verdict == "ok"
    assert all(found[name].verdict == "skipped" for name in AFTER_PROBE)
    assert [each.what for each in check_stored(Logins(), lab.mcp_url, talk)] == ["none is needed"]


def test_a_server_that_registers_nobody() -> None:
    with Lab(LabConfig(dcr=False)) as lab:
        found = judged(ask(lab))["registration"]

    assert (found.verdict, "--client-id" in found.fix) == ("warn", True)


def test_a_tolerated_deviation_is_worth_a_look(lab: Lab) -> None:
    lab.faults.no_pkce_advertised = True
    found = judged(ask(lab, quirks=("pkce-unadvertised",)))["pkce"]

    assert (found.verdict, "tolerates" in found.what) == ("warn", True)


def test_the_shape_of_2025_03_26() -> None:
    config = LabConfig(same_origin=True, challenge_hints=False, require_resource=False, iss_parameter=False)
    with Lab(config) as lab:
        lab.faults.resource_metadata_status = lab.faults.metadata_status = 404
        found = judged(ask(lab, legacy=True))

    assert [each.verdict for each in found.values() if each.verdict == "fail"] == []
    assert found["resource-metadata"].verdict == found["server-metadata"].verdict == "warn"
    assert found["pkce"].verdict == "skipped"


def test_two_clocks_that_differ(lab: Lab) -> None:
    """The `Date` of the laboratory is this machine's; as if it had come ten minutes ago."""
    talk = ask(lab)
    late = tuple(
        replace(each, response=replace(each.response, received_at=each.response.received_at + 600))
        for each in talk.exchanges
        if each.response is not None
    )
    found = judged(replace(talk, exchanges=late))["skew"]

    assert found.verdict == "warn"
    assert found.what == "this clock is 10 min ahead of 127.0.0.1's"


class TestStored:
    @pytest.fixture
    def found(self, lab: Lab) -> Discovery:
        found = ask(lab).found
        assert isinstance(found, Discovery)
        return found

    @pytest.fixture
    def login(self, lab: Lab, found: Discovery) -> Credential:
        return Credential(
            server=lab.mcp_url,
            issuer=found.auth_server.issuer,
            token_endpoint=found.auth_server.token_endpoint,
            refresh_token=Secret("rt-0123456789"),
        )

    def test_where_it_was_made(self, login: Credential, found: Discovery) -> None:
        assert check_binding(login, found).verdict == "ok"

    def test_another_issuer(self, login: Credential, found: Discovery) -> None:
        made = check_binding(replace(login, issuer="https://old.example"), found)

        assert (made.verdict, made.exit_status) == ("fail", 3)
        assert "nothing of the login is sent" in made.why
        assert made.fix == f"mcp-vacuum login {login.server} --force"

    def test_another_token_endpoint(self, login: Credential, found: Discovery) -> None:
        made = check_binding(replace(login, token_endpoint="https://as.example/old"), found)

        assert (made.verdict, "https://as.example/old" in made.what) == ("warn", True)

    def test_all_accounts_of_this_server_and_no_others(self, lab: Lab, login: Credential) -> None:
        others = (
            replace(login, account="work", ended="login_ended"),
            replace(login, server="https://x.example"),
        )
        made = list(check_stored(Logins((login, *others)), lab.mcp_url, ask(lab)))

        assert [each.name for each in made] == ["login", "binding", "login", "binding"]
        assert [each.exit_status for each in made] == [0, 0, 3, 0]

    def test_none(self, lab: Lab) -> None:
        (made,) = check_stored(Logins(), lab.mcp_url, ask(lab))

        assert (made.verdict, made.fix) == ("warn", f"mcp-vacuum login {lab.mcp_url}")

    def test_none_is_no_reason_to_log_in_where_that_cannot_work(self, lab: Lab) -> None:
        (made,) = check_stored(Logins(), lab.mcp_url, None)

        assert (made.verdict, made.fix) == ("warn", "")

    def test_a_vault_that_is_not_open(self, lab: Lab) -> None:
        assert [each.verdict for each in check_stored(None, lab.mcp_url, None)] == ["skipped"]
