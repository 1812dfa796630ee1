"""`mcp-vacuum status`."""

from __future__ import annotations

from dataclasses import replace

from mcp_vacuum.lab import Lab

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
