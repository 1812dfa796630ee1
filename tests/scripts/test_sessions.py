"""What a person does in an afternoon, from login to logout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_vacuum._version import __version__
from mcp_vacuum.lab import Lab, LabConfig

from .conftest import Session

SHOW_TOKEN = "import os, sys; print(os.environ['MCP_VACUUM_TOKEN']); sys.exit(41)"


def test_from_login_to_logout(session: Session, lab: Lab) -> None:
    url = lab.mcp_url
    session.ok("login", url)
    session.ok("alias", url, "work")
    first = session.ok("token", "work").out.strip()
    assert first == lab.issued_access_tokens[-1]
    assert session.ok("token", "127.0.0.1", "--header").out.startswith("Authorization: Bearer at-")
    assert "whoami" in session.ok("tools", "work").out
    session.ok("status")
    session.ok("status", "work", "--json")
    session.ok("list", "-v")
    session.ok("refresh", "work")
    session.ok("login", url)
    assert "and revoked" in session.ok("logout", "work").out
    assert session.run("token", url).code == 3
    assert len(lab.recorder.to("/authorize")) == 1
    assert lab.reuse_detected == 0


def test_verbose_sessions_show_no_secret_either(session: Session, lab: Lab) -> None:
    url = lab.mcp_url
    session.ok("-vv", "login", url)
    for fault in ("token_html", "token_reset_after", "token_error"):
        lab.faults.clear()
        setattr(lab.faults, fault, "invalid_request" if fault == "token_error" else True)
        done = session.run("refresh", url, "-vv")
        assert done.code != 0
        assert "Traceback" in done.err
    lab.faults.clear()
    lab.faults.wrong_iss = True
    assert session.run("login", url, "--force", "-vv").code == 4


@pytest.mark.long
def test_a_confidential_client_leaves_no_secret_behind(session: Session) -> None:
    with Lab(LabConfig(token_endpoint_auth_methods=("client_secret_basic",))) as lab:
        session.labs.append(lab)
        session.ok("login", lab.mcp_url, "-vv")
        session.ok("token", lab.mcp_url)
        session.ok("logout", lab.mcp_url)

        assert lab.issued_client_secrets


def test_a_search_would_find_what_is_there(session: Session, url: str) -> None:
    """The search at the end of each session is no formality."""
    planted = session.root / "planted"
    kind, value = session.secrets()[0]
    planted.write_text(f"x{value.encode().hex()}x")
    with pytest.raises(AssertionError, match=f"{kind} as hex in planted"):
        session.search()
    planted.unlink()


class TestRun:
    def test_the_token_is_in_the_environment_of_the_command_only(
        self, session: Session, lab: Lab, url: str
    ) -> None:
        done = session.run("run", url, "--", sys.executable, "-c", SHOW_TOKEN)

        assert done.out.strip() == lab.issued_access_tokens[-1]
        assert done.code == 41
        assert done.err == ""

    def test_it_is_not_on_the_command_line(self, session: Session, lab: Lab, url: str) -> None:
        code = "import sys; print(open('/proc/self/cmdline').read())"
        if not Path("/proc/self/cmdline").exists():
            pytest.skip("there is no /proc here")
        done = session.run("run", url, "--", sys.executable, "-c", code, "--json", "-v")

        assert lab.issued_access_tokens[-1] not in done.out
        assert done.out.rstrip("\0\n").endswith("--json\0-v")

    def test_an_unknown_command_is_a_usage_error(self, session: Session, url: str) -> None:
        assert "no command" in session.run("run", url, "--", "no-such-command-anywhere").one_error(2)

    def test_without_refresh_tokens_it_logs_in_first_as_before(self, session: Session) -> None:
        with Lab(LabConfig(issue_refresh_token=False)) as lab:
            session.labs.append(lab)
            session.ok("login", lab.mcp_url, "--scope", "mcp:admin", "--account", "work")
            done = session.run(
                "run", lab.mcp_url, "--account", "work", "--", sys.executable, "-c", SHOW_TOKEN
            )
            first, second = lab.recorder.to("/authorize")

            assert done.out.strip() == lab.issued_access_tokens[-1]
            assert len(lab.issued_access_tokens) == 2
            assert first.query["scope"] == second.query["scope"]
            assert session.ok("status", lab.mcp_url, "--account", "work", "--json").json["scope"] == (
                "mcp:admin offline_access"
            )


class TestEntry:
    def test_the_console_script_is_the_same(self, session: Session) -> None:
        script = Path(sys.executable).with_name("mcp-vacuum")
        if not script.exists():
            pytest.skip("the package is not installed here")
        done = subprocess.run(
            [str(script), "--version"], capture_output=True, text=True, check=True, env=session.environment
        )

        assert done.stdout == session.ok("--version").out == f"mcp-vacuum, version {__version__}\n"

    def test_help_is_the_same_for_both(self, session: Session) -> None:
        script = Path(sys.executable).with_name("mcp-vacuum")
        if not script.exists():
            pytest.skip("the package is not installed here")
        done = subprocess.run([str(script), "login", "-h"], capture_output=True, text=True, check=True)

        assert done.stdout == session.ok("login", "-h").out

    def test_the_home_is_private(self, session: Session, url: str) -> None:
        modes = {path.name: path.stat().st_mode & 0o777 for path in session.home.rglob("*") if path.is_file()}

        assert session.home.stat().st_mode & 0o777 == 0o700
        assert set(modes.values()) == {0o600}

    def test_nothing_is_written_outside_the_home(self, session: Session, url: str) -> None:
        assert [path.name for path in session.root.iterdir()] == ["home"]
