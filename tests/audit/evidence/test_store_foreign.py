"""What other programs leave readable; each format as the program writes it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mcp_vacuum.audit.evidence.store_files import Files
from mcp_vacuum.audit.evidence.store_foreign import COUNTED, ForeignFile, look_at_foreign, look_at_servers
from tests.audit.machine import SERVER, Machine, machine, secret


@pytest.fixture
def person(tmp_path: Path) -> Machine:
    from tests.storage.conftest import FakeKeyring

    return Machine(tmp_path, FakeKeyring())


def look(person: Machine, **environ: str) -> tuple[ForeignFile, ...]:
    return look_at_foreign(Files(person.person), environ)


def test_what_lies_beside_a_token_is_known_of_it(person: Machine) -> None:
    ends = int(time.time()) + 100
    entry = {
        "serverUrl": SERVER,
        "accessToken": secret(),
        "refreshToken": secret(),
        "expiresAt": ends * 1000,
        "scope": "a b",
    }
    person.write(".claude/.credentials.json", {"mcpOAuth": {"s|0a1b": entry}})
    (file,) = look(person)
    access, refresh = file.secrets

    assert (file.tool, file.file.path, file.file.mode) == (
        "Claude Code",
        "~/.claude/.credentials.json",
        0o600,
    )
    assert (access.kind, access.member, access.line) == ("access token", 'mcpOAuth."s|0a1b".accessToken', 5)
    assert (access.server, access.expires_at, access.scope, access.renewable) == (SERVER, ends, "a b", True)
    assert refresh.kind == "refresh token"


def test_the_scope_of_a_list_and_a_date_in_seconds(person: Machine) -> None:
    person.write(
        ".codex/.credentials.json",
        {"k": {"access_token": secret(), "scopes": ["a", "b"], "expires_at": 1_900_000_000}},
    )
    ((found,),) = [file.secrets for file in look(person)]

    assert (found.scope, found.expires_at) == ("a b", 1_900_000_000)
    assert not found.expired(time.time())
    assert found.expired(1_900_000_000 + 2 * 24 * 3600)


def test_only_a_part_of_a_large_file_is_somebodys_configuration(person: Machine) -> None:
    talk = {"history": [{"display": f"use {secret()}", "token": secret()}]}
    person.write(
        ".claude.json", {"projects": {"/p": {**talk, "mcpServers": {"s": {"env": {"S_TOKEN": secret()}}}}}}
    )
    ((found,),) = [file.secrets for file in look(person)]

    assert found.member == 'projects."/p".mcpServers.s.env.S_TOKEN'


def test_a_file_too_long_for_lines_is_searched_without(person: Machine) -> None:
    servers = {f"s{n}": {"url": SERVER, "note": "x" * 1000} for n in range(COUNTED // 1000 + 10)}
    person.write(".cursor/mcp.json", {"mcpServers": {**servers, "s": {"env": {"S_TOKEN": secret()}}}})
    ((found,),) = [file.secrets for file in look(person)]

    assert (found.member, found.line) == ("mcpServers.s.env.S_TOKEN", None)


def test_a_variable_names_another_directory(person: Machine) -> None:
    person.write("elsewhere/auth.json", {"tokens": {"refresh_token": secret()}})

    assert look(person) == ()
    assert [file.tool for file in look(person, CODEX_HOME=str(person.person / "elsewhere"))] == ["Codex"]


def test_references_and_empty_members_are_no_secrets(person: Machine) -> None:
    person.write(".claude/.credentials.json", {"mcpOAuth": {"s": {"accessToken": "", "refreshToken": None}}})
    person.write(
        ".cursor/mcp.json",
        {"mcpServers": {"s": {"url": SERVER, "headers": {"Authorization": "Bearer ${env:T}"}}}},
    )

    assert look(person) == ()


def test_an_older_folder_of_mcp_remote_is_superseded(person: Machine) -> None:
    old = person.write(".mcp-auth/mcp-remote-0.1.12/ab_tokens.json", {"refresh_token": secret()}, age=1000)
    person.write(".mcp-auth/mcp-remote-v1/ab_tokens.json", {"refresh_token": secret()})
    person.write(".mcp-auth/mcp-remote-0.1.12/cd_tokens.json", {"refresh_token": secret()}, age=1000)

    assert [file.file.path for file in look(person) if file.superseded] == [
        f"~/{old.relative_to(person.person)}"
    ]


def test_a_keyring_of_files_keeps_passwords_in_base64(person: Machine) -> None:
    text = f"[mcp]\nme =\n\t{secret()}\n\n[keyring-setting]\nscheme = x\n"
    person.write(".local/share/python_keyring/keyring_pass.cfg", text)
    ((found,),) = [file.secrets for file in look(person)]

    assert (found.kind, found.member) == ("password in base64", "mcp.me")


def test_the_servers_that_settings_name(person: Machine) -> None:
    person.write(
        ".claude.json",
        {"mcpServers": {"a": {"url": SERVER}}, "projects": {"/p": {"mcpServers": {"b": {"command": "x"}}}}},
    )
    person.write(".codex/config.toml", f'[mcp_servers.c]\nurl = "{SERVER}"\n')
    person.write(".gemini/settings.json", "{not json")

    assert look_at_servers(Files(person.person), {}) == {
        "Claude Code": {"a", "b", SERVER},
        "Codex": {"c", SERVER},
    }


def test_copies_are_told_from_the_file(person: Machine) -> None:
    person.write(".cursor/mcp.json", {"mcpServers": {}})
    person.write(".cursor/mcp.json~", {"mcpServers": {"s": {"env": {"S_TOKEN": secret()}}}})

    assert [(file.copy, file.file.path) for file in look(person)] == [(True, "~/.cursor/mcp.json~")]


def test_what_is_not_understood_is_said(person: Machine) -> None:
    files = Files(person.person)
    person.write(".codex/auth.json", '{"tokens": ')

    assert look_at_foreign(files, {}) == ()
    assert files.unseen == ["~/.codex/auth.json was not understood: a value is missing or malformed"]


def test_a_large_file_that_is_too_deep_is_said(person: Machine) -> None:
    files = Files(person.person)
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    person.write(".codex/auth.json", f'{{"x": "{"y" * COUNTED}", "tokens": {deep}}}')

    assert look_at_foreign(files, {}) == ()
    assert files.unseen == ["~/.codex/auth.json was not understood: it is no JSON"]


def test_a_directory_in_the_place_of_a_file_is_none(person: Machine) -> None:
    files = Files(person.person)
    (person.person / ".codex" / "auth.json").mkdir(parents=True)

    assert look_at_foreign(files, {}) == ()
    assert files.unseen == []


def test_nothing_that_was_found_shows_a_secret() -> None:
    with machine() as each:
        token = secret()
        each.write(".codex/auth.json", json.dumps({"tokens": {"refresh_token": token}}))

        assert token not in repr(look_at_foreign(Files(each.person), {}))
