"""`mcp-vacuum status`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.lab import Lab
from mcp_vacuum.safety.secret import Secret
from tests.company import outside

from .conftest import CommandLine
from .test_login import KEYS, MORE_KEYS


class TestOne:
    def test_the_object_of_json(self, cli: CommandLine, lab: Lab, url: str) -> None:
        members = cli.ok("status", url, "--json").json

        assert set(members) == KEYS | MORE_KEYS
        assert (members["server"], members["state"], members["access_token"]) == (url, "valid", "none")

    def test_nothing_is_sent(self, cli: CommandLine, lab: Lab, url: str) -> None:
        cli.ok("status", url)
        cli.ok("status")

        assert lab.recorder.requests == ()

    def test_a_login_that_ended_says_why(self, cli: CommandLine, lab: Lab, url: str) -> None:
        lab.revoke_everything()
        cli("token", url)

        assert cli.ok("status", url, "--json").json["state"] == "login_required"
        assert "invalid_grant" in cli.ok("status", url).out

    def test_a_doubtful_login_names_force(self, cli: CommandLine, url: str) -> None:
        (kept,) = cli.store.logins()
        cli.store.put(replace(kept, doubts=(0.0, 1.0, 100.0)), expected_generation=kept.generation)

        assert cli.ok("status", url, "--json").json["state"] == "doubtful"
        assert "--force" in cli.ok("status", url).out

    def test_the_way_that_the_login_went_is_shown_without_its_password(
        self, cli: CommandLine, url: str
    ) -> None:
        (kept,) = cli.store.logins()
        proxy = Secret("http://me:proxy-password-0123456789@proxy.example:3128")
        changed = replace(kept, proxy=proxy, ca_file="/etc/company/ca.pem")
        cli.store.put(changed, expected_generation=kept.generation)
        text, members = cli.ok("status", url), cli.ok("status", url, "--json")

        assert (members.json["proxy"], members.json["ca_file"]) == (
            "proxy.example:3128",
            "/etc/company/ca.pem",
        )
        assert "proxy.example:3128" in text.out
        assert "/etc/company/ca.pem" in text.out
        assert "proxy-password" not in text.out + text.err + members.out + members.err

    def test_a_usual_login_shows_no_way(
        self, cli: CommandLine, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outside(monkeypatch)
        cli.ok("login", lab.mcp_url)
        members = cli.ok("status", lab.mcp_url, "--json").json

        assert (members["proxy"], members["ca_file"]) == (None, None)
        assert "proxy" not in cli.ok("status", lab.mcp_url).out

    def test_an_unknown_login(self, cli: CommandLine, url: str) -> None:
        assert cli("status", f"{url}/other").code == 3


class TestAll:
    def test_the_object_of_json(self, cli: CommandLine, url: str) -> None:
        members = cli.ok("status", "--json").json

        assert set(members) == {"logins", "key_source"}
        assert [login["server"] for login in members["logins"]] == [url]
        assert members["key_source"] == f"file:{cli.home / 'vault.key'}"

    def test_without_a_vault_nothing_is_made(self, cli: CommandLine) -> None:
        assert cli.ok("status", "--json").json == {"logins": [], "key_source": None}
        assert not cli.home.exists()
