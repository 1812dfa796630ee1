"""Where secrets get to by accident."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mcp_vacuum.audit.evidence.store_files import Files
from mcp_vacuum.audit.evidence.store_traces import Trace, look_above, look_for_traces
from mcp_vacuum.safety.secret import Secret
from tests.audit.machine import jwt, secret


def traces(person: Path, name: str, text: str, *own: Secret) -> tuple[Trace, ...]:
    (person / name).parent.mkdir(parents=True, exist_ok=True)
    (person / name).write_text(text)
    return look_for_traces(Files(person), own)


@pytest.mark.parametrize(
    "line",
    [
        f"curl -H 'Authorization: Bearer {secret()}' https://mcp.example/mcp",
        f"export S_TOKEN={secret()}",
        f"S_API_KEY='{secret()}' server",
        f"client --client-secret {secret()}",
        f"client --api-key={secret()} --other x",
        f": 1700000000:0;login --password {secret()}",
        f"decode {jwt(aud='x')}",
    ],
    ids=["header", "export", "assignment", "next word", "after =", "zsh history", "jwt"],
)
def test_a_line_with_a_secret(tmp_path: Path, line: str) -> None:
    (found,) = traces(tmp_path, ".zsh_history", f"ls -la\n{line}\ncd /tmp\n")

    assert (found.path, found.what, found.line, found.count) == ("~/.zsh_history", "shell history", 2, 1)


@pytest.mark.parametrize(
    "line",
    [
        "export S_TOKEN=$(pass show s)",
        'curl -H "Authorization: Bearer $TOKEN" https://mcp.example/mcp',
        "mcp-vacuum login https://mcp.example/mcp --client-secret-stdin",
        "git commit -m 'rotate the token of the server'",
        "export S_TOKEN=${S_TOKEN:-}",
        "export TOKEN_FILE=/run/secrets/token",
        "mcp-vacuum token https://mcp.example/mcp --header",
    ],
)
def test_a_line_without_one(tmp_path: Path, line: str) -> None:
    assert traces(tmp_path, ".bash_history", f"{line}\n") == ()


def test_a_secret_of_the_vault_is_found_whatever_it_looks_like(tmp_path: Path) -> None:
    (found,) = traces(
        tmp_path, ".bash_history", "echo plain-words-as-a-token\n", Secret("plain-words-as-a-token")
    )

    assert found.ours
    assert found.sure


def test_the_key_of_a_vault_is_a_trace_of_its_own(tmp_path: Path) -> None:
    text = f"export S_TOKEN={secret()}\nexport MCP_VACUUM_KEY={secret()}\n"

    assert [(each.key, each.line) for each in traces(tmp_path, ".profile", text)] == [(True, 2), (False, 1)]


def test_only_the_end_of_a_long_history_is_read(tmp_path: Path) -> None:
    text = f"export S_TOKEN={secret()}\n" + "ls\n" * 500_000

    assert traces(tmp_path, ".bash_history", text) == ()


def repository(place: Path) -> None:
    """Make a working tree as git does."""
    place.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(place)], check=True)


class TestAbove:
    def test_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "state").mkdir()
        above = look_above(Files(tmp_path), tmp_path / "state")

        assert (above.tree, above.synced) == (None, None)

    def test_a_working_tree_that_does_not_keep_it(self, tmp_path: Path) -> None:
        repository(tmp_path / "tree")
        (tmp_path / "tree" / "state").mkdir()
        above = look_above(Files(tmp_path), tmp_path / "tree" / "state")

        assert (above.tree, above.tracked, above.ignored) == ("~/tree", (), False)

    @pytest.mark.parametrize("line", ["state/", "/state", "state", "*"])
    def test_a_working_tree_that_ignores_it(self, tmp_path: Path, line: str) -> None:
        repository(tmp_path / "tree")
        (tmp_path / "tree" / "state").mkdir()
        (tmp_path / "tree" / ".gitignore").write_text(f"other\n{line}\n")

        assert look_above(Files(tmp_path), tmp_path / "tree" / "state").ignored

    def test_a_working_tree_that_keeps_it(self, tmp_path: Path) -> None:
        tree = tmp_path / "tree"
        repository(tree)
        (tree / "deep" / "state").mkdir(parents=True)
        (tree / "deep" / "state" / "vault.db").write_text("x")
        subprocess.run(["git", "-C", str(tree), "add", "."], check=True)

        assert look_above(Files(tmp_path), tree / "deep" / "state").tracked == ("deep/state/vault.db",)

    @pytest.mark.parametrize(
        "name", ["Dropbox", "OneDrive - Company", "Google Drive", "iCloudDrive", "Nextcloud"]
    )
    def test_a_synced_folder_by_its_name(self, tmp_path: Path, name: str) -> None:
        state = tmp_path / name / "state"
        state.mkdir(parents=True)

        assert look_above(Files(tmp_path), state).synced == f"~/{name}"

    def test_a_synced_folder_behind_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real" / "state").mkdir(parents=True)
        (tmp_path / "real" / ".stfolder").mkdir()
        (tmp_path / "state").symlink_to(tmp_path / "real" / "state")

        assert look_above(Files(tmp_path), tmp_path / "state").synced == "~/real"
