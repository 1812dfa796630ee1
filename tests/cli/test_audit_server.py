"""`mcp-vacuum audit server`."""

from __future__ import annotations

from mcp_vacuum.lab import Lab

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
