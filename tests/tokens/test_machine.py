"""Which flow a machine's record leads to, and where its token comes from."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_vacuum.errors import AuthenticationError
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.protocol import grants
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.testing.play import answers, play, requests
from mcp_vacuum.tokens.machine import MACHINE_GRANTS, GrantSettings, machine_flow

ISSUER = "https://as.example"
GRANTED = answers(200, access_token="t", token_type="Bearer")
ID_JAG = answers(200, access_token="jag", token_type="N_A", issued_token_type=grants.ID_JAG)


def credential(grant: str, **settings: Any) -> Credential:
    given: dict[str, Any] = {"token": "subject", **settings}
    return Credential(
        server="https://mcp.example/mcp",
        resource="https://mcp.example/mcp",
        issuer=ISSUER,
        token_endpoint=f"{ISSUER}/token",
        client=ClientCredentials(client_id="c", issuer=ISSUER),
        scope_asked="a",
        grant=grant,
        grant_settings=GrantSettings(**given).to_secret(),
    )


class TestFlow:
    @pytest.mark.parametrize(
        ("grant", "grant_type"),
        [
            ("client_credentials", "client_credentials"),
            ("jwt_bearer", grants.JWT_BEARER),
            ("token_exchange", grants.TOKEN_EXCHANGE),
        ],
    )
    def test_one_request_for_each(self, grant: str, grant_type: str) -> None:
        asked, granted = play(machine_flow(credential(grant), None), GRANTED)
        (request,) = requests(asked)

        assert grant in MACHINE_GRANTS
        assert request.form["grant_type"] == grant_type
        assert (request.form["scope"], request.form["resource"]) == ("a", "https://mcp.example/mcp")
        assert granted.token.access_token == "t"

    def test_id_jag_has_two_legs(self) -> None:
        kept = credential(
            "id_jag",
            token_type=grants.ID_TOKEN,
            idp_token_endpoint="https://idp.example/token",
            idp_client_id="at-idp",
            idp_client_secret="s",
        )
        first, second = requests(play(machine_flow(kept, None), ID_JAG, GRANTED)[0])

        assert first.url == "https://idp.example/token"
        assert (first.form["audience"], first.form["subject_token"]) == (ISSUER, "subject")
        assert "client_id" not in first.form
        assert second.url == f"{ISSUER}/token"
        assert second.form["assertion"] == "jag"
        assert second.form["client_id"] == "c"

    def test_a_public_client_of_the_identity_provider_names_itself(self) -> None:
        kept = credential("id_jag", idp_token_endpoint="https://idp.example/token", idp_client_id="at-idp")
        first, _ = requests(play(machine_flow(kept, None), ID_JAG, GRANTED)[0])

        assert first.form["client_id"] == "at-idp"

    def test_the_first_leg_ends_it_where_it_is_refused(self) -> None:
        kept = credential("id_jag", idp_token_endpoint="https://idp.example/token")

        with pytest.raises(AuthenticationError, match="access_denied"):
            play(machine_flow(kept, None), answers(400, error="access_denied"))


class TestToken:
    def test_without_a_source(self) -> None:
        with pytest.raises(AuthenticationError, match="names no source"):
            machine_flow(credential("jwt_bearer", token=None), None)

    def test_from_its_source(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ITS_TOKEN", "from the environment")
        kept = credential("jwt_bearer", token=None, token_from="env:ITS_TOKEN")
        (request,) = requests(play(machine_flow(kept, None), GRANTED)[0])

        assert request.form["assertion"] == "from the environment"

    def test_an_exchange_names_its_audience_and_type(self) -> None:
        kept = credential("token_exchange", audience="them", token_type=grants.ID_TOKEN)
        (request,) = requests(play(machine_flow(kept, None), GRANTED)[0])

        assert (request.form["audience"], request.form["subject_token_type"]) == ("them", grants.ID_TOKEN)


class TestSettings:
    def test_they_come_back_as_they_were(self) -> None:
        settings = GrantSettings(token_from="env:A", audience="b", idp_client_secret="s3cr3t")

        assert GrantSettings.from_secret(settings.to_secret()) == settings

    def test_none_are_the_defaults(self) -> None:
        assert GrantSettings.from_secret(None) == GrantSettings()

    def test_members_of_a_newer_version_are_passed_over(self) -> None:
        assert GrantSettings.from_secret(Secret('{"audience": "b", "new": 1}')).audience == "b"

    def test_the_repr_shows_no_secret(self) -> None:
        settings = GrantSettings(token="s3cr3t", idp_client_secret="s3cr3t", token_from="env:A")

        assert "s3cr3t" not in repr(settings)
