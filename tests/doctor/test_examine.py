"""The order of an examination, and that nothing private gets out of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_vacuum.agent import client
from mcp_vacuum.agent.source import start_agent
from mcp_vacuum.agent.wire import Stop
from mcp_vacuum.doctor.examine import examine
from mcp_vacuum.doctor.finding import Finding, Report
from mcp_vacuum.errors import LoginRequired, UsageError
from mcp_vacuum.lab import Lab
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore

CANARY = "canary-9d2e71"


def verdicts(report: Report) -> dict[str, Finding]:
    return {found.name: found for found in report.findings}


class TestThisMachine:
    def test_before_anything(self, home: Path) -> None:
        report = examine()

        assert report.ok
        assert [section.title for section in report.sections] == ["this machine", "what is kept"]
        assert not home.exists()

    def test_a_running_agent_is_asked(self, store: CredentialStore, home: Path) -> None:
        try:
            pid = start_agent()["pid"]
            assert f"pid {pid}" in verdicts(examine())["agent"].what
        finally:
            client.ask(home, Stop())

    def test_a_corrupt_vault_is_not_moved(self, store: CredentialStore, home: Path) -> None:
        store.close()
        (home / "vault.db").write_bytes(b"x" * 8192)
        report = examine()

        assert report.exit_status == 6
        assert verdicts(report)["key"].verdict == verdicts(report)["logins"].verdict == "skipped"
        assert (home / "vault.db").exists()
        assert list(home.glob("*.corrupt-*")) == []

    def test_the_first_failure_is_the_exit_status(self, url: str, store: CredentialStore) -> None:
        kept = store.get(url)
        assert kept is not None
        store.put(replace(kept, ended="login_ended"), kept.generation)

        assert examine().exit_status == 3


class TestServer:
    def test_a_login_that_works(self, url: str) -> None:
        report = examine(url)

        assert report.ok
        assert report.sections[-1].title == url
        assert {found.verdict for found in report.sections[-1].findings} == {"ok"}

    def test_an_alias(self, url: str, store: CredentialStore) -> None:
        store.set_alias(url, "default", "work")

        assert examine("work").sections[-1].title == url

    def test_no_token_is_sent_or_asked_for(self, url: str, lab: Lab) -> None:
        examine(url)

        assert {request.method for request in lab.recorder.requests} == {"GET"}
        assert all("authorization" not in request.headers for request in lab.recorder.requests)

    def test_a_server_that_is_gone(self, store: CredentialStore) -> None:
        with Lab() as lab:
            url = lab.mcp_url
        found = verdicts(examine(url))

        assert (found["connection"].verdict, found["connection"].exit_status) == ("fail", 5)
        assert found["greeting"].what == "there is no way to the server"

    def test_logins_to_other_servers_do_not_matter(self, url: str, store: CredentialStore) -> None:
        store.put(Credential(server="https://x.example", ended="login_ended", generation=1), 0)

        assert examine(url).ok
        assert not examine().ok

    def test_a_machine_grant_is_asked_for_at_its_resource(self, url: str, store: CredentialStore) -> None:
        grant = Credential(server="nightly", grant="client_credentials", resource=url, generation=1)
        store.put(grant, 0)
        report = examine("nightly")

        assert report.sections[-1].title == url
        assert verdicts(report)["greeting"].verdict == "ok"

    def test_a_name_without_a_url(self, store: CredentialStore) -> None:
        store.put(Credential(server="nightly", grant="client_credentials", generation=1), 0)

        assert verdicts(examine("nightly"))["name"].what == "it has no URL"

    @pytest.mark.parametrize(
        ("target", "error"), [("ftp://x.example", UsageError), ("nobody", LoginRequired)]
    )
    def test_what_is_no_server(self, target: str, error: type[Exception]) -> None:
        with pytest.raises(error):
            examine(target)


class TestPublic:
    def test_no_secret_no_name_and_no_home_of_a_person(
        self, store: CredentialStore, home: Path, monkeypatch: pytest.MonkeyPatch, lab: Lab
    ) -> None:
        """Canaries wherever a secret can be; a path below the person's home begins with `~`."""
        monkeypatch.setenv("HOME", str(home.parent))
        monkeypatch.setenv("MCP_VACUUM_KEY", CANARY)
        monkeypatch.setenv("MCP_VACUUM_TOKEN", CANARY)
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:{CANARY}@proxy.example:3128")
        monkeypatch.setenv("NO_PROXY", f"{CANARY}.example")
        monkeypatch.setenv("BROWSER", f"true --profile={CANARY} %s")
        client = ClientCredentials(
            client_id="client-1",
            client_secret=Secret(f"cs-{CANARY}"),
            registration_access_token=Secret(f"rat-{CANARY}"),
        )
        full = Credential(
            server=f"{lab.mcp_url}?api_key={CANARY}",
            account="ada@example.com",
            refresh_token=Secret(f"rt-{CANARY}"),
            dpop_key=Secret(f"dpop-{CANARY}"),
            grant_settings=Secret(f"gs-{CANARY}"),
            client=client,
            ended="login_ended",
            generation=1,
        )
        store.put(full, 0)
        for report in (examine(), examine(full.server)):
            told = repr(report) + str(report.as_json())

            assert CANARY not in told
            assert "ada" not in told.replace("metadata", "")
            assert str(home.parent) not in told
            assert verdicts(report)["home"].what == "~/home (from MCP_VACUUM_HOME)"

    def test_a_conflicting_key_command_is_not_told(
        self, store: CredentialStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", f"command:pass show {CANARY}")
        report = examine()

        assert report.exit_status == 6
        assert verdicts(report)["key"].verdict == "fail"
        assert CANARY not in repr(report)
        assert os.environ["MCP_VACUUM_KEY_SOURCE"].endswith(CANARY)
