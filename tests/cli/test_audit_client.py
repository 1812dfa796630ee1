"""`mcp-vacuum audit client`."""

from __future__ import annotations

from tests.audit.planted.client import command

from .conftest import CommandLine

SUBSET = ("--scenario", "LAB-11/null")


class TestAuditClient:
    def test_an_honest_client(self, cli: CommandLine) -> None:
        done = cli.ok("audit", "client", *SUBSET, "--fail-on", "info", "--", *command())

        assert "nothing found" in done.out

    def test_a_client_with_a_flaw_as_json(self, cli: CommandLine) -> None:
        flawed = command("ignores-missing-pkce")
        done = cli("audit", "client", *SUBSET, "--json", "--fail-on", "high", "--", *flawed)

        assert done.code == 10
        assert [each["rule"] for each in done.json["findings"]] == ["CL-PKCE-02"]
        assert done.json["target"].endswith("'{url}'")

    def test_a_command_without_a_place_for_the_url(self, cli: CommandLine) -> None:
        done = cli("audit", "client", "--", "true")

        assert done.code == 2
        assert "{url}" in done.err

    def test_a_scenario_that_nobody_knows(self, cli: CommandLine) -> None:
        assert cli("audit", "client", "--scenario", "LAB-99", "--", "true", "{url}").code == 2
