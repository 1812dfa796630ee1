"""`mcp-vacuum audit server`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from mcp_vacuum.lab import Lab, LabConfig
from tests.audit.planted.active import passing

from .conftest import CommandLine


class TestAuditServer:
    def test_an_honest_server(self, cli: CommandLine, lab: Lab) -> None:
        done = cli.ok("audit", "server", lab.mcp_url, "--fail-on", "info")

        assert done.out.startswith(lab.mcp_url)
        assert "nothing found" in done.out

    def test_nobody_logs_in_and_no_vault_is_made(self, cli: CommandLine, lab: Lab) -> None:
        cli.ok("audit", "server", lab.mcp_url)

        assert not any(each.query or each.form for each in lab.recorder.to("/authorize"))
        assert lab.recorder.to("/token") == ()
        assert lab.recorder.to("/register") == ()
        assert not cli.home.exists()

    def test_several_servers_in_one_report(self, cli: CommandLine, lab: Lab) -> None:
        with Lab() as other:
            other.faults.no_pkce_advertised = True
            done = cli("audit", "server", lab.mcp_url, other.mcp_url, "--json", "--fail-on", "high")

        assert done.code == 10
        assert [each["compliant"] for each in done.json["targets"]] == [True, False]

    def test_one_server_that_is_down_does_not_hide_the_others(self, cli: CommandLine, lab: Lab) -> None:
        with Lab() as gone:
            down = gone.mcp_url
        lab.faults.no_pkce_advertised = True
        done = cli("audit", "server", down, lab.mcp_url, "--fail-on", "low")

        assert done.code == 5
        assert "AS-PKCE-01" in done.out
        assert "error: no connection" in done.err

    def test_nothing_but_servers_that_are_down(self, cli: CommandLine) -> None:
        with Lab() as gone:
            down = gone.mcp_url
        done = cli("audit", "server", down, "--json")

        assert (done.code, done.out) == (5, "")
        assert done.error["code"] == "server_unavailable"

    def test_what_is_no_url_is_a_usage_error(self, cli: CommandLine) -> None:
        assert cli("audit", "server", "not a url").code == 2

    def test_plain_http_elsewhere_is_refused(self, cli: CommandLine) -> None:
        assert cli("audit", "server", "http://mcp.example/mcp").code == 4


class TestActive:
    """With logins of the person's own."""

    def test_it_says_what_it_will_do_and_does_nothing_unless_somebody_agrees(
        self, cli: CommandLine, lab: Lab
    ) -> None:
        done = cli("audit", "server", lab.mcp_url, "--active")

        assert done.code == 2
        assert "16 times at most" in done.err
        assert "nobody is here to agree" in done.err
        assert "--yes" in done.err
        assert lab.recorder.requests == ()

    def test_it_says_too_that_it_will_hold_a_code(self, cli: CommandLine, lab: Lab) -> None:
        done = cli("audit", "server", lab.mcp_url, "--active", "--patient")

        assert done.code == 2
        assert "17 times at most" in done.err
        assert "10 minutes and 30 seconds" in done.err

    def test_a_code_is_held_if_somebody_is_patient(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Lab(LabConfig(any_loopback_port=True, code_lifetime=660)) as lab:
            monkeypatch.setattr("mcp_vacuum.cli.commands.audit_server.waiter", lambda ui: passing(lab))
            done = cli.ok(
                "audit", "server", lab.mcp_url, "--active", "--yes", "--patient", "--format", "json"
            )

        assert "AS-CODE-03" in [each["rule"] for each in done.json["findings"]]
        assert "the code is held for 10.5 minutes" in done.err

    @pytest.mark.parametrize("answer", ["n\n", "\n", ""])
    def test_a_no_is_a_no(
        self, cli: CommandLine, lab: Lab, monkeypatch: pytest.MonkeyPatch, answer: str
    ) -> None:
        monkeypatch.setattr("mcp_vacuum.cli.ui.Ui.can_ask", True)
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        done = cli("audit", "server", lab.mcp_url, "--active")

        assert done.code == 2
        assert "nothing was sent" in done.err
        assert lab.recorder.requests == ()

    def test_a_yes_logs_in_and_reports(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("mcp_vacuum.cli.ui.Ui.can_ask", True)
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        page = tmp_path / "report.html"
        with Lab(LabConfig(any_loopback_port=True)) as lab:
            lab.faults.revoke_does_nothing = True
            done = cli(
                *("audit", "server", lab.mcp_url, "--active", "--fail-on", "medium"),
                *("--format", "html", "--output", str(page)),
            )
        drawn = page.read_text(encoding="utf-8")

        assert done.code == 10
        assert "login 1 of at most 16" in done.err
        assert len(cli.visited) == done.err.count("of at most 16") >= 10
        assert "AS-REV-01" in drawn
        assert "an ordinary login: back from the browser" in drawn
        assert not cli.home.exists()
        for secret in (*lab.issued_access_tokens, *lab.issued_refresh_tokens, *lab.issued_codes):
            assert secret not in drawn

    def test_json_as_before(self, cli: CommandLine, lab: Lab) -> None:
        lab.faults.no_refresh_token = True
        done = cli("audit", "server", lab.mcp_url, "--active", "--yes", "--json", "--quiet")
        (target,) = json.loads(done.out).get("targets", (done.json,))

        assert done.code == 0
        assert "AS-PKCE-04" in target["passed"]

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--client-id", "x"),
            ("--yes",),
            ("--patient",),
            ("--no-browser",),
            ("--callback-port", "8123"),
            ("--active", "--yes", "--no-browser", "--paste"),
            ("--active", "--yes", "--client-secret-stdin"),
            ("--active", "--yes", "http://127.0.0.1:2/mcp"),
        ],
    )
    def test_flags_that_make_no_sense(self, cli: CommandLine, lab: Lab, arguments: tuple[str, ...]) -> None:
        assert cli("audit", "server", lab.mcp_url, *arguments).code == 2
        assert lab.recorder.requests == ()
