"""`mcp-vacuum audit client`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mcp_vacuum.audit.scenarios import SCENARIOS
from tests.audit.planted.client import command
from tests.audit.planted.document import hosted

from .conftest import CommandLine

SUBSET = ("--scenario", "LAB-11/null")


class TestAuditClient:
    def test_an_honest_client(self, cli: CommandLine) -> None:
        done = cli.ok("audit", "client", *SUBSET, "--fail-on", "info", "--", *command())

        assert "nothing found" in done.out
        assert done.err == "2 scenarios, 2 at a time\n"

    def test_a_client_with_a_flaw_as_json(self, cli: CommandLine) -> None:
        flawed = command("ignores-missing-pkce")
        done = cli("audit", "client", *SUBSET, "--json", "--fail-on", "high", "--", *flawed)

        assert done.code == 10
        assert [each["rule"] for each in done.json["findings"]] == ["CL-PKCE-02"]
        assert done.json["target"].endswith("'{url}'")

    def test_a_client_that_never_worked_is_no_pass(self, cli: CommandLine) -> None:
        broken = [sys.executable, "-IS", "-c", "import sys; sys.exit('boom token=abcdefghij')", "{url}"]
        done = cli("audit", "client", *SUBSET, "--fail-on", "critical", "--", *broken)

        assert done.code == 2
        assert "nothing found" not in done.out
        assert "could not be examined" in done.out
        assert "boom token=***" in done.out
        assert "its last line: boom token=***" in done.err
        assert "abcdefghij" not in done.out + done.err

    def test_a_client_that_never_worked_as_json(self, cli: CommandLine) -> None:
        options = (*SUBSET, "--fail-on", "critical", "--json")
        done = cli("audit", "client", *options, "--", "false", "{url}")

        assert (done.code, done.json["compliant"], done.json["findings"]) == (2, False, [])
        assert "LAB-00" in done.error["message"]

    def test_where_nothing_depends_on_the_exit_code_a_report_is_all(self, cli: CommandLine) -> None:
        done = cli.ok("audit", "client", *SUBSET, "--", "false", "{url}")

        assert "could not be examined" in done.out
        assert "note: the client could not be examined" in done.err

    def test_what_was_found_in_a_client_that_never_worked_decides(self, cli: CommandLine) -> None:
        options = ("--scenario", "LAB-00", "--fail-on", "low")
        done = cli("audit", "client", *options, "--", *command("no-pkce"))

        assert done.code == 10
        assert "CL-PKCE-01" in done.out

    @pytest.mark.long
    def test_a_metadata_document_is_fetched_by_a_flag(self, cli: CommandLine) -> None:
        with hosted({"client_secret": "s3cret-of-everybody"}) as url:
            client = [*command("metadata-document"), url]
            options = ("--scenario", "LAB-18/cimd", "--fetch-metadata", "--fail-on", "low", "--json")
            done = cli("audit", "client", *options, "--", *client)

        assert done.code == 10
        assert "CL-REG-04" in [each["rule"] for each in done.json["findings"]]
        assert "s3cret" not in done.out

    def test_a_command_without_a_place_for_the_url(self, cli: CommandLine) -> None:
        done = cli("audit", "client", "--", "true")

        assert done.code == 2
        assert "{url}" in done.err
        assert "at a time" not in done.err

    def test_a_scenario_that_nobody_knows(self, cli: CommandLine) -> None:
        done = cli("audit", "client", "--scenario", "LAB-99", "--", "true", "{url}")

        assert done.code == 2
        assert "there is no scenario 'LAB-99'" in done.err
        assert "--list-scenarios" in done.err

    def test_the_scenarios_are_listed(self, cli: CommandLine) -> None:
        shown = cli.ok("audit", "client", "--list-scenarios").out
        listed = cli.ok("audit", "client", "--list-scenarios", "--json").json["scenarios"]

        assert [each["scenario"] for each in listed] == [each.name for each in SCENARIOS]
        assert all(each["scenario"] in shown and each["what"] in shown for each in listed)

    def test_the_scenarios_of_a_family_in_any_case_are_listed(self, cli: CommandLine) -> None:
        lines = cli.ok("audit", "client", "--list-scenarios", "--scenario", "lab-13").out.splitlines()

        assert {line.split("/")[0].split()[0] for line in lines[1:]} == {"LAB-00", "LAB-13"}

    def test_without_a_client(self, cli: CommandLine) -> None:
        done = cli("audit", "client")

        assert done.code == 2
        assert "no client is named" in done.err

    @pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption_leaves_no_client_behind(self, tmp_path: Path, end: signal.Signals) -> None:
        file = tmp_path / "pid"
        code = "import os, sys, time; open(sys.argv[2], 'w').write(str(os.getpid()) + ' '); time.sleep(60)"
        client = [sys.executable, "-IS", "-c", code, "{url}", str(file)]
        audit = subprocess.Popen(
            [sys.executable, "-m", "mcp_vacuum", "audit", "client", "--", *client],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        while not (file.exists() and file.read_text().endswith(" ")):
            assert audit.poll() is None
            time.sleep(0.02)
        audit.send_signal(end)
        _, said = audit.communicate(timeout=30)

        assert audit.returncode == 130
        assert b"Traceback" not in said
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)
        assert list(tmp_path.glob("mcp-vacuum-audit-*")) == []
