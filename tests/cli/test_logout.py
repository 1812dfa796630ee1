"""`mcp-vacuum logout`."""

from __future__ import annotations

import pytest

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

    @pytest.mark.parametrize("name", ["{url}", "127.0.0.1", "{host}/mcp"])
    def test_twice_is_an_error_that_asks_for_no_login(self, cli: CommandLine, url: str, name: str) -> None:
        cli.ok("logout", url)
        name = name.format(url=url, host=url.split("/")[2])
        done = cli("logout", name)

        assert done.code == 3
        assert f"no login for {name} is stored" in done.err
        assert "mcp-vacuum list" in done.err
        assert "login required" not in done.err
        assert "mcp-vacuum login" not in done.err

    def test_a_missing_account_names_those_that_are_there(self, cli: CommandLine, url: str) -> None:
        done = cli("logout", url, "--account", "third")

        assert f"no login for {url} is stored for account 'third'" in done.err
        assert "known accounts: default" in done.err

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
