"""`mcp-vacuum audit client`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.audit.planted.client import command
from tests.audit.planted.document import hosted

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

    def test_a_metadata_document_is_fetched_by_a_flag(self, cli: CommandLine) -> None:
        with hosted({"client_secret": "s3cret-of-everybody"}) as url:
            client = [*command("metadata-document"), url]
            done = cli.ok(
                "audit", "client", "--scenario", "LAB-18/cimd", "--fetch-metadata", "--json", "--", *client
            )

        assert "CL-REG-04" in [each["rule"] for each in done.json["findings"]]
        assert "s3cret" not in done.out

    def test_a_command_without_a_place_for_the_url(self, cli: CommandLine) -> None:
        done = cli("audit", "client", "--", "true")

        assert done.code == 2
        assert "{url}" in done.err

    def test_a_scenario_that_nobody_knows(self, cli: CommandLine) -> None:
        assert cli("audit", "client", "--scenario", "LAB-99", "--", "true", "{url}").code == 2

    def test_an_interruption_leaves_no_client_behind(self, tmp_path: Path) -> None:
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
        audit.send_signal(signal.SIGINT)
        _, said = audit.communicate(timeout=30)

        assert audit.returncode == 130
        assert b"Traceback" not in said
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)
        assert list(tmp_path.glob("mcp-vacuum-audit-*")) == []
