"""`mcp-vacuum logout`."""

from __future__ import annotations

from mcp_vacuum.lab import Lab

from .conftest import CommandLine
from .test_list import damage


class TestLogout:
    def test_it_revokes_and_forgets(self, cli: CommandLine, lab: Lab, url: str) -> None:
        members = cli.ok("logout", url, "--json").json

        assert members == {
            "server": url,
            "account": "default",
            "revoked": True,
            "because": None,
            "registration": "deleted",
            "registration_because": None,
        }
        assert cli("token", url).code == 3
        assert len(lab.recorder.to("/revoke")) == 1

    def test_a_server_that_is_down_is_said(self, cli: CommandLine) -> None:
        with Lab() as lab:
            cli.ok("login", lab.mcp_url)
        done = cli.ok("logout", lab.mcp_url)

        assert "not revoked" in done.err
        assert cli.store.logins() == []

    def test_only_the_account_that_was_meant(self, cli: CommandLine, url: str) -> None:
        cli.ok("login", url, "--account", "work")
        cli.ok("logout", url)

        assert [login.account for login in cli.store.logins()] == ["work"]

    def test_twice_is_an_error(self, cli: CommandLine, url: str) -> None:
        cli.ok("logout", url)

        assert cli("logout", url).code == 3

    def test_a_damaged_login_is_set_aside_and_makes_room(self, cli: CommandLine, url: str) -> None:
        """What the error of a damaged record tells a person to do works."""
        damage(cli)
        broken = cli("login", url)
        aside = cli.ok("logout", url)

        assert broken.code == 6
        assert f"mcp-vacuum logout {url}" in broken.err
        assert "set aside" in aside.err
        assert len(cli.store.set_aside()) == 1
        cli.ok("login", url)
