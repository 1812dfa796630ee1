"""What mcp-vacuum runs in."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from mcp_vacuum._version import __version__
from mcp_vacuum.doctor.finding import Finding
from mcp_vacuum.doctor.surroundings import Proxy, check_browser, check_surroundings, look_around, read_proxy
from tests.drivers.wire import self_signed

CANARY = "canary-7f3a9d"


def findings(name: str) -> list[Finding]:
    return [found for found in check_surroundings(look_around()) if found.name == name]


def finding(name: str) -> Finding:
    (found,) = findings(name)
    return found


def test_versions_are_named() -> None:
    assert f"mcp-vacuum {__version__}" in finding("versions").what
    assert "cryptography" in finding("packages").what
    assert "SQLite" in finding("packages").what


class TestVariables:
    def test_values_that_may_be_secret_are_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", CANARY)
        monkeypatch.setenv("MCP_VACUUM_TOKEN", CANARY)
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", f"command:echo {CANARY}")
        monkeypatch.setenv("MCP_VACUUM_AGENT", "off")
        told = finding("environment").what

        assert CANARY not in told
        assert "MCP_VACUUM_KEY, " in told
        assert "MCP_VACUUM_TOKEN" in told
        assert "MCP_VACUUM_AGENT=off" in told
        assert "MCP_VACUUM_KEY_SOURCE=command:echo …" in told

    def test_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MCP_VACUUM_HOME")
        monkeypatch.delenv("MCP_VACUUM_KEY_SOURCE")

        assert finding("environment").what == "none of our variables is set"


class TestProxies:
    def test_host_and_port_and_nothing_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:{CANARY}@proxy.example:3128/")
        told = finding("proxy").what

        assert told.startswith("HTTPS_PROXY is http://proxy.example:3128, with a user name and password")
        assert CANARY not in told
        assert "ada" not in told

    @pytest.mark.parametrize(
        ("value", "place"),
        [
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("socks5://proxy.example", None),
            ("http://[broken", None),
            ("http://proxy.example:port", None),
        ],
    )
    def test_spellings(self, value: str, place: str | None) -> None:
        assert read_proxy("https", value) == Proxy("https", place, False)

    def test_one_that_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example")
        found = finding("proxy")

        assert (found.verdict, found.exit_status) == ("fail", 2)
        assert "HTTPS_PROXY" in found.fix


class TestCertificates:
    def test_a_file_with_one(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(self_signed(tmp_path / "ca.pem", "localhost")))

        assert finding("certificates").verdict == "ok"

    @pytest.mark.parametrize(
        ("content", "cause"), [(None, "no such file"), ("no certificate", "there is no certificate in it")]
    )
    def test_a_file_without_one(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, cause: str
    ) -> None:
        if content is not None:
            (tmp_path / "ca.pem").write_text(content)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        found = finding("certificates")

        assert (found.verdict, found.exit_status) == ("fail", 2)
        assert cause in found.what

    def test_a_directory_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "nowhere"))

        assert finding("certificates").verdict == "fail"


class TestBrowser:
    def test_the_one_that_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webbrowser, "_tryorder", None)  # it looks for browsers once in a process
        monkeypatch.delenv("SSH_CONNECTION", raising=False)
        monkeypatch.delenv("SSH_TTY", raising=False)
        monkeypatch.setenv("BROWSER", f"/bin/true --secret={CANARY} %s")
        found = finding("browser")

        assert (found.verdict, found.what) == ("ok", "true")

    def test_one_that_is_named_and_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webbrowser, "_tryorder", None)
        monkeypatch.setenv("BROWSER", "/nowhere/browser")

        assert look_around().browser is None

    def test_none(self) -> None:
        found = check_browser(None, over_ssh=False)

        assert (found.verdict, "--device" in found.fix) == ("warn", True)

    def test_a_session_over_ssh_says_how_to_log_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 5000 192.0.2.2 22")
        found = finding("browser")

        assert found.verdict == "warn"
        assert "ssh -L 8123:127.0.0.1:8123" in found.fix
        assert "192.0.2" not in found.what + found.fix


class TestRuntimeDirectory:
    def test_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

        assert findings("runtime") == []

    @pytest.mark.parametrize(
        ("mode", "verdict"), [(0o700, "ok"), (0o755, "warn"), (None, "warn")], ids=["ours", "open", "missing"]
    )
    def test_set(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int | None, verdict: str
    ) -> None:
        if mode is not None:
            (tmp_path / "run").mkdir()
            (tmp_path / "run").chmod(mode)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))

        assert finding("runtime").verdict == verdict
