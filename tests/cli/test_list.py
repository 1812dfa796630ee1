"""`mcp-vacuum list`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from .conftest import CommandLine
from .test_login import KEYS, MORE_KEYS


class TestList:
    def test_the_object_of_json(self, cli: CommandLine, url: str) -> None:
        cli.ok("login", url, "--account", "work")
        members = cli.ok("list", "--json").json

        assert set(members) == {"logins"}
        assert [login["account"] for login in members["logins"]] == ["default", "work"]
        assert set(members["logins"][0]) == KEYS | MORE_KEYS

    def test_the_table(self, cli: CommandLine, url: str) -> None:
        heading, row = cli.ok("list").out.splitlines()

        assert heading.split() == ["SERVER", "ACCOUNT", "ALIAS", "STATE", "REFRESHED"]
        assert row.split()[:3] == [url, "default", "valid"]

    def test_without_a_login_it_says_how_to_begin(self, cli: CommandLine) -> None:
        assert "mcp-vacuum login URL" in cli.ok("list").out
        assert cli.ok("list", "--json").json == {"logins": []}
        assert not cli.home.exists()

    def test_a_damaged_login_is_counted_and_kept(self, cli: CommandLine, url: str) -> None:
        cli.ok("login", url, "--account", "work")
        damage(cli)
        done = cli.ok("list", "--json")

        assert [login["account"] for login in done.json["logins"]] == ["work"]
        assert "1 more could not be opened" in done.err
        assert len(cli.store.index()) == 2


def damage(cli: CommandLine) -> None:
    """Flip the sealed bytes of the default login."""
    with closing(sqlite3.connect(cli.home / "vault.db")) as connection:
        connection.execute(
            "UPDATE records SET sealed = 'x' || sealed WHERE kind='login' AND account='default'"
        )
        connection.commit()
