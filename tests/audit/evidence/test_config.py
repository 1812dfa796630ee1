"""Configuration files, taken apart."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.audit.evidence.config import ConfigEvidence, collect_config
from mcp_vacuum.errors import UsageError

ENTRY = {"command": "server", "args": ["--port", "1"]}


def collect(tmp_path: Path, content: Any, name: str = "mcp.json") -> ConfigEvidence:
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return collect_config(str(tmp_path / name))


@pytest.mark.parametrize(
    "content",
    [
        {"mcpServers": {"s": ENTRY}},
        {"servers": {"s": ENTRY}, "inputs": []},
        {"projects": {"/p": {"mcpServers": {"s": ENTRY}}}},
        {"mcp": {"servers": {"s": ENTRY}}},
        {"mcp.servers": {"s": ENTRY}},
        {"context_servers": {"s": {"command": {"path": "server", "args": ["--port", "1"]}}}},
        {"mcp": {"s": {"type": "local", "command": ["server", "--port", "1"]}}},
    ],
)
def test_every_client_names_its_servers_elsewhere(tmp_path: Path, content: dict[str, Any]) -> None:
    (server,) = collect(tmp_path, content).servers

    assert server.command == ("server", "--port", "1")
    assert server.local


def test_codex_has_toml(tmp_path: Path) -> None:
    text = 'model = "x"\n[mcp_servers.s]\nurl = "https://mcp.example/mcp"\n'
    seen = collect(tmp_path, text, "config.toml")

    assert [(server.path, server.line, server.local) for server in seen.servers] == [
        (("mcp_servers", "s"), 2, False)
    ]
    assert [leaf.told for leaf in seen.leaves] == ["mcp_servers.s.url"]


def test_the_rest_of_a_file_is_somebody_elses(tmp_path: Path) -> None:
    seen = collect(tmp_path, {"editor.token": "x" * 20, "mcp": {"servers": {"s": ENTRY}}})

    assert all(leaf.path[0] == "mcp" for leaf in seen.leaves)


def test_settings_of_an_oauth_client(tmp_path: Path) -> None:
    seen = collect(tmp_path, {"oauth": {"client_id": "c", "redirect_uris": ["http://127.0.0.1/"]}})

    assert seen.servers == ()
    assert [leaf.told for leaf in seen.leaves] == ["oauth.client_id", "oauth.redirect_uris[0]"]


def test_a_file_about_something_else(tmp_path: Path) -> None:
    for content in ({"name": "package", "servers": "none"}, {"mcpServer": {"s": ENTRY}}):
        with pytest.raises(UsageError, match="names no MCP server and no OAuth client") as caught:
            collect(tmp_path, content)

        assert "mcpServers" in (caught.value.hint or "")


def test_servers_whose_every_name_is_misspelt(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no MCP server"):
        collect(tmp_path, {"mcpServers": {"s": {"comand": "server"}}})


@pytest.mark.parametrize("content", [{}, {"mcpServers": {}}, {"projects": {"/p": {"mcpServers": {}}}}])
def test_a_configuration_that_names_nobody_yet(tmp_path: Path, content: dict[str, Any]) -> None:
    seen = collect(tmp_path, content)

    assert (seen.servers, seen.leaves) == ((), ())


def test_json_in_an_argument_is_taken_apart(tmp_path: Path) -> None:
    seen = collect(
        tmp_path, {"mcpServers": {"s": {"command": "x", "args": ['{"client_id": "c"}', "{no json"]}}}
    )

    assert [(leaf.told, leaf.value) for leaf in seen.leaves if "args" in leaf.path] == [
        ("mcpServers.s.args[0].client_id", "c"),
        ("mcpServers.s.args[1]", "{no json"),
    ]


def test_nothing_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S_TOKEN", "what-it-stands-for")
    seen = collect(tmp_path, {"mcpServers": {"s": {"command": "x", "env": {"A": "${S_TOKEN}"}}}})

    assert [leaf.value for leaf in seen.leaves] == ["x", "${S_TOKEN}"]


def test_nothing_in_the_evidence_shows_a_secret(tmp_path: Path) -> None:
    seen = collect(tmp_path, {"mcpServers": {"s": {"command": "x", "args": ["--token", "a-secret-word"]}}})

    assert "a-secret-word" not in repr(seen)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"mcpServers": {\n  "s": {"url" "x"}\n}}', "mcp.json, line 2: "),
        ("[]", "line 1: it is a list"),
        ("", "line 1: a value is missing"),
    ],
)
def test_what_is_malformed_is_a_usage_error_with_its_line(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, content)

    assert says in caught.value.message


def test_a_usage_error_shows_nothing_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, '{"token": secret-words}')

    assert "secret-words" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b" " * (3 * 1024 * 1024)])
def test_what_is_no_text_or_too_large(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mcp.json").write_bytes(content)

    with pytest.raises(UsageError):
        collect_config(str(tmp_path / "mcp.json"))


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        collect_config(str(tmp_path / "nothing.json"))
    with pytest.raises(UsageError, match="cannot be read"):
        collect_config(str(tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX")
def test_a_pipe_does_not_hang_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mcp.json")

    with pytest.raises(UsageError):
        collect_config(str(tmp_path / "mcp.json"))


def test_a_path_is_told_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".mcp.json").write_text("{}")

    assert collect_config(".mcp.json").file.path == ".mcp.json"
    assert collect_config(str(tmp_path / ".mcp.json")).file.path == "~/.mcp.json"
    assert collect_config("~/.mcp.json").file.path == "~/.mcp.json"
