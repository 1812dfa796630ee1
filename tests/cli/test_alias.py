"""`mcp-vacuum alias`."""

from __future__ import annotations

import pytest

from mcp_vacuum.lab import Lab

from .conftest import CommandLine


class TestAlias:
    def test_every_command_takes_it(self, cli: CommandLine, url: str) -> None:
        cli.ok("alias", url, "work")
        for command in ("token", "status", "refresh", "logout"):
            cli.ok(command, "work")

    def test_it_can_be_taken_away(self, cli: CommandLine, url: str) -> None:
        cli.ok("alias", url, "work")
        assert cli.ok("alias", "work", "--remove", "--json").json["alias"] is None

        assert cli("token", "work").code == 3

    def test_it_names_one_login_only(self, cli: CommandLine, url: str) -> None:
        cli.ok("alias", url, "work")
        with Lab() as other:
            cli.ok("login", other.mcp_url)
            done = cli("alias", other.mcp_url, "work", "--json")

        assert (done.code, done.error["code"]) == (2, "alias_taken")
        assert cli.ok("status", "work", "--json").json["server"] == url

    @pytest.mark.parametrize("name", ["https://x.example", "a b", "-x", "", "x" * 65, "../x"])
    def test_a_name_that_could_be_something_else_is_refused(
        self, cli: CommandLine, url: str, name: str
    ) -> None:
        assert cli("alias", url, "--", name).code == 2

    @pytest.mark.parametrize("arguments", [(), ("work", "--remove")])
    def test_a_name_or_remove(self, cli: CommandLine, url: str, arguments: tuple[str, ...]) -> None:
        assert cli("alias", url, *arguments).code == 2
