"""`mcp-vacuum login`."""

from __future__ import annotations

import io
import sys

import pytest

from mcp_vacuum.lab import Lab, LabConfig
from tests.people import free_port

from .conftest import CommandLine

KEYS = {
    "server",
    "account",
    "issuer",
    "client_id",
    "registration",
    "scope",
    "expires_at",
    "refreshable",
    "access_token",
    "state",
}
"""The contract of DESIGN 11."""
MORE_KEYS = {"alias", "quirks", "grant", "token_type", "legacy", "dpop", "proxy", "ca_file"}
"""What this version adds."""


class TestResult:
    def test_the_object_of_json(self, cli: CommandLine, lab: Lab) -> None:
        done = cli.ok("login", lab.mcp_url, "--json")
        members = done.json

        assert set(members) == KEYS | MORE_KEYS
        assert members["server"] == lab.mcp_url
        assert members["issuer"] == lab.issuer
        assert (members["account"], members["registration"]) == ("default", "dynamic")
        assert (members["refreshable"], members["access_token"], members["state"]) == (True, "none", "valid")
        assert members["scope"] == "mcp:tools mcp:resources mcp:prompts offline_access"
        assert isinstance(members["expires_at"], float)
        assert members["client_id"].startswith("client-")
        assert done.err == ""

    def test_the_text_is_plain_when_piped(self, cli: CommandLine, lab: Lab) -> None:
        done = cli.ok("login", lab.mcp_url)

        assert lab.mcp_url in done.out
        assert "\x1b" not in done.out + done.err
        assert "valid" in done.out

    def test_quiet_says_only_the_result(self, cli: CommandLine, lab: Lab) -> None:
        assert cli.ok("login", lab.mcp_url, "--quiet").err == ""

    def test_a_login_that_is_still_valid_opens_no_tab(self, cli: CommandLine, url: str) -> None:
        cli.visited.clear()
        done = cli.ok("login", url)

        assert cli.visited == []
        assert "still valid" in done.err

    def test_force_opens_one(self, cli: CommandLine, url: str) -> None:
        cli.visited.clear()
        cli.ok("login", url, "--force")

        assert len(cli.visited) == 1

    def test_force_ends_what_it_replaces_and_says_so(self, cli: CommandLine, url: str, lab: Lab) -> None:
        done = cli.ok("login", url, "--force")
        lab.faults.revoke_status = 503
        again = cli.ok("login", url, "--force", "--json")

        assert "the login that this one replaces is revoked, and its client deleted" in done.err
        assert again.json["state"] == "valid"
        assert "note: the login that this one replaces is not revoked: " in again.err

    def test_a_server_that_needs_none(self, cli: CommandLine) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            done = cli.ok("login", lab.mcp_url, "--json")

        assert set(done.json) == KEYS | MORE_KEYS
        assert (done.json["state"], done.json["refreshable"]) == ("not_required", False)
        assert done.json["registration"] == "none"

    def test_without_a_refresh_token_run_is_named(self, cli: CommandLine) -> None:
        with Lab(LabConfig(issue_refresh_token=False)) as lab:
            text = cli.ok("login", lab.mcp_url)
            members = cli.ok("login", lab.mcp_url, "--json", "--force").json

        assert f"mcp-vacuum run {lab.mcp_url} -- CMD" in text.err
        assert (members["refreshable"], members["state"]) == (False, "login_required")


class TestOptions:
    def test_account_and_scope(self, cli: CommandLine, lab: Lab) -> None:
        cli.ok(
            "login",
            lab.mcp_url,
            "--account",
            "work",
            "--scope",
            "mcp:tools mcp:prompts",
            "--scope",
            "mcp:admin",
        )
        (kept,) = cli.store.logins()

        assert kept.account == "work"
        assert kept.scope_asked == "mcp:tools mcp:prompts mcp:admin offline_access"

    def test_a_client_with_its_secret_from_stdin(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            lab.add_client("mine", client_secret="secret-of-mine", auth_method="client_secret_basic")
            monkeypatch.setattr(sys, "stdin", io.StringIO("secret-of-mine\n"))
            done = cli.ok("login", lab.mcp_url, "--client-id", "mine", "--client-secret-stdin", "--json")
            cli.ok("token", lab.mcp_url)

        assert (done.json["client_id"], done.json["registration"]) == ("mine", "preregistered")

    def test_a_secret_without_a_client_makes_no_sense(self, cli: CommandLine, lab: Lab) -> None:
        done = cli("login", lab.mcp_url, "--client-secret-stdin")

        assert (done.code, lab.recorder.requests) == (2, ())

    def test_a_metadata_document(self, cli: CommandLine) -> None:
        with Lab(LabConfig(cimd=True, any_loopback_port=True)) as lab:
            document = lab.serve_client_metadata()
            members = cli.ok("login", lab.mcp_url, "--client-metadata-url", document, "--json").json

        assert (members["client_id"], members["registration"]) == (document, "metadata_document")

    def test_a_quirk_is_kept_and_shown(self, cli: CommandLine, lab: Lab) -> None:
        lab.faults.no_pkce_advertised = True
        refused = cli("login", lab.mcp_url)
        done = cli.ok("login", lab.mcp_url, "--quirk", "pkce-unadvertised", "--json")

        assert refused.code == 4
        assert "--quirk pkce-unadvertised" in refused.err
        assert done.json["quirks"] == ["pkce-unadvertised"]
        assert "pkce-unadvertised" in cli.ok("status", lab.mcp_url).out

    def test_a_redirect_uri(self, cli: CommandLine, lab: Lab) -> None:
        cli.ok("login", lab.mcp_url, "--redirect-uri", "http://localhost/callback")
        (asked,) = lab.recorder.to("/authorize")

        assert asked.query["redirect_uri"][0].startswith("http://localhost:")

    def test_a_callback_port_wins_over_the_remembered_one(self, cli: CommandLine, url: str, lab: Lab) -> None:
        port = str(free_port())
        done = cli.ok("login", url, "--account", "work", "--callback-port", port)
        (asked,) = lab.recorder.to("/authorize")

        assert asked.query["redirect_uri"] == (f"http://127.0.0.1:{port}/callback",)
        assert f"the remembered callback port is not {port}; registering anew" in done.err

    def test_no_browser_shows_the_address(self, cli: CommandLine, lab: Lab) -> None:
        done = cli("login", lab.mcp_url, "--no-browser", "--timeout", "1")

        assert done.code == 3
        assert f"{lab.issuer}/authorize?" in done.err
        assert "ssh -L" in done.err
        assert cli.visited == []

    def test_paste_takes_the_whole_address_only(
        self, cli: CommandLine, lab: Lab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("a-bare-code\nhttp://127.0.0.1:1/x\nalso-none\n"))
        done = cli("login", lab.mcp_url, "--paste")

        assert done.code == 3
        assert "a code alone proves nothing" in done.err
        assert lab.recorder.to("/token") == ()

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--callback-port", "0"),
            ("--callback-port", "70000"),
            ("--callback-port", "8123", "--redirect-uri", "http://127.0.0.1:8124/callback"),
            ("--timeout", "0"),
            ("--timeout", "soon"),
            ("--quirk", "trust-everybody"),
            ("--redirect-uri", "https://example.com/"),
            ("--no-such-option",),
        ],
    )
    def test_options_that_make_no_sense(self, cli: CommandLine, lab: Lab, arguments: tuple[str, ...]) -> None:
        done = cli("login", lab.mcp_url, *arguments)

        assert done.code == 2
        assert done.out == ""
        assert 1 <= len(done.err.splitlines()) <= 3
        assert lab.recorder.to("/register") == ()
