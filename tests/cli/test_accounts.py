"""`mcp-vacuum accounts`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mcp_vacuum.lab import Lab

from .conftest import CommandLine
from .test_list import damage
from .test_login import KEYS, MORE_KEYS


@pytest.fixture
def two(cli: CommandLine, url: str) -> str:
    """A server with the accounts `default` and `work`; the second one has an alias."""
    cli.ok("login", url, "--account", "work")
    cli.store.set_alias(url, "work", "office")
    return url


class TestAccounts:
    def test_the_object_of_json(self, cli: CommandLine, two: str) -> None:
        members = cli.ok("accounts", two, "--json").json

        assert set(members) == {"server", "accounts"}
        assert members["server"] == two
        assert [each["account"] for each in members["accounts"]] == ["default", "work"]
        assert set(members["accounts"][0]) == KEYS | MORE_KEYS

    def test_the_table(self, cli: CommandLine, two: str) -> None:
        server, heading, first, second = cli.ok("accounts", two).out.splitlines()

        assert server == two
        assert heading.split() == ["ACCOUNT", "STATE", "ALIAS", "SCOPE", "REFRESHED"]
        assert first.split()[:2] == ["default", "valid"]
        assert second.split()[:3] == ["work", "valid", "office"]

    def test_an_alias_of_one_of_them_means_the_server(self, cli: CommandLine, two: str) -> None:
        assert len(cli.ok("accounts", "office", "--json").json["accounts"]) == 2

    def test_a_host_means_the_server_also_without_a_default_account(self, cli: CommandLine, lab: Lab) -> None:
        for account in ("home", "work"):
            cli.ok("login", lab.mcp_url, "--account", account)

        assert cli.ok("accounts", "127.0.0.1", "--json").json["server"] == lab.mcp_url

    def test_logins_to_other_servers_are_left_out(self, cli: CommandLine, two: str) -> None:
        with Lab() as other:
            cli.ok("login", other.mcp_url)
            members = cli.ok("accounts", other.mcp_url, "--json").json

        assert [each["server"] for each in members["accounts"]] == [other.mcp_url]

    def test_a_host_of_two_servers_is_a_question(self, cli: CommandLine, two: str) -> None:
        with Lab() as other:
            cli.ok("login", other.mcp_url)
            done = cli("accounts", "127.0.0.1", "--json")

        assert (done.code, done.error["hint"]) == (2, "give the whole URL")

    def test_without_a_login_it_says_what_to_type(self, cli: CommandLine, lab: Lab) -> None:
        done = cli("accounts", lab.mcp_url, "--json")

        assert (done.code, done.error["hint"]) == (3, f"mcp-vacuum login {lab.mcp_url}")
        assert not cli.home.exists()

    def test_a_damaged_one_is_counted(self, cli: CommandLine, two: str) -> None:
        damage(cli)
        done = cli.ok("accounts", two, "--json")

        assert [each["account"] for each in done.json["accounts"]] == ["work"]
        assert "1 more could not be opened" in done.err

    def test_where_none_opens_it_says_why(self, cli: CommandLine, two: str) -> None:
        with closing(sqlite3.connect(cli.home / "vault.db")) as connection:
            connection.execute("UPDATE records SET sealed = 'x' || sealed")
            connection.commit()

        assert cli("accounts", two, "--json").error["code"] == "record_damaged"
