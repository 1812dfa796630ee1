"""`vault info` and `vault rotate-key`."""

from __future__ import annotations

from mcp_vacuum.lab import Lab
from tests.cli.conftest import CommandLine


def test_a_new_key_for_a_vault_in_use(cli: CommandLine, lab: Lab) -> None:
    assert cli("login", lab.mcp_url).code == 0
    before = cli("vault", "info", "--json").json
    key = (cli.home / "vault.key").read_text()
    done = cli("vault", "rotate-key", "--json")
    after = cli("vault", "info", "--json").json

    assert done.json["resealed"] == 2
    assert done.json["key_source"].endswith("vault.key")
    assert key.splitlines()[-1] not in (cli.home / "vault.key").read_text()
    assert (before["logins"], after["logins"], after["rotation_pending"]) == (1, 1, False)
    assert cli("token", lab.mcp_url).code == 0


def test_the_text_is_for_people(cli: CommandLine, lab: Lab) -> None:
    cli("login", lab.mcp_url)

    assert "from file" in cli("vault", "info").out
    assert "sealed anew" in cli("vault", "rotate-key").out


def test_without_a_vault(cli: CommandLine) -> None:
    done = cli("vault", "info", "--json")

    assert (done.code, done.error["code"]) == (2, "usage")


def test_a_source_that_there_is_not(cli: CommandLine, lab: Lab) -> None:
    cli("login", lab.mcp_url)

    assert cli("vault", "rotate-key", "--to", "nowhere").code == 2
