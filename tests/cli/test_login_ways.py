"""`mcp-vacuum login --device`, `--dpop` and `--legacy`, and `logout --keep-registration`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_vacuum.drivers.aio import CodeShower
from mcp_vacuum.lab import Lab, LabConfig, User
from mcp_vacuum.lab.device import GRANT

from .conftest import CommandLine


@pytest.fixture
def device_lab() -> Iterator[Lab]:
    with Lab(LabConfig(grants=(GRANT,), dpop=True)) as lab:
        yield lab


@pytest.fixture
def other_device(monkeypatch: pytest.MonkeyPatch) -> User:
    """Somebody who does on another device what is said on the terminal."""
    from mcp_vacuum.cli.commands import login as command

    shower = command.code_shower
    user = User()

    def watched(ui: Any) -> CodeShower:
        show = shower(ui)

        def shown(code: Any) -> None:
            show(code)
            assert code.verification_uri_complete is not None
            user.visit(code.verification_uri_complete)

        return shown

    monkeypatch.setattr(command, "code_shower", watched)
    return user


class TestDevice:
    @pytest.mark.parametrize("flags", [(), ("--json",), ("--quiet",)])
    def test_the_code_is_on_stderr_whatever_the_flags(
        self, cli: CommandLine, device_lab: Lab, other_device: User, flags: tuple[str, ...]
    ) -> None:
        done = cli.ok("login", device_lab.mcp_url, "--device", *flags)

        assert re.search(r"^  enter  [A-Z]{4}-[A-Z]{4}$", done.err, re.MULTILINE)
        assert f"open   {device_lab.issuer}/device" in done.err
        assert cli.visited == []

    def test_what_is_kept_is_refreshed_like_any_other(
        self, cli: CommandLine, device_lab: Lab, other_device: User
    ) -> None:
        members = cli.ok("login", device_lab.mcp_url, "--device", "--json").json

        assert (members["grant"], members["refreshable"]) == ("device_code", True)
        assert cli.ok("token", device_lab.mcp_url).out.strip() == device_lab.issued_access_tokens[-1]
        assert "device code" in cli.ok("status", device_lab.mcp_url).out

    def test_with_a_key(self, cli: CommandLine, device_lab: Lab, other_device: User) -> None:
        assert cli.ok("login", device_lab.mcp_url, "--device", "--dpop", "--json").json["dpop"]
        cli.ok("token", device_lab.mcp_url)

    def test_a_server_without_it(self, cli: CommandLine, lab: Lab) -> None:
        done = cli("login", lab.mcp_url, "--device", "--json")

        assert (done.code, done.error["spec"]) == (7, "RFC 8628 §4")

    @pytest.mark.parametrize(
        "flags",
        [
            ("--paste",),
            ("--no-browser",),
            ("--callback-port", "8123"),
            ("--redirect-uri", "http://127.0.0.1/x"),
        ],
    )
    def test_it_excludes_the_other_ways(
        self, cli: CommandLine, device_lab: Lab, flags: tuple[str, ...]
    ) -> None:
        assert cli("login", device_lab.mcp_url, "--device", *flags).code == 2
        assert device_lab.recorder.requests == ()


class TestDPoP:
    @pytest.mark.parametrize("nonces", [False, True])
    def test_login_token_refresh_and_tools(self, cli: CommandLine, nonces: bool) -> None:
        with Lab(LabConfig(dpop=True, dpop_required=True, dpop_nonces=nonces)) as lab:
            members = cli.ok("login", lab.mcp_url, "--json").json
            refreshed = cli.ok("refresh", lab.mcp_url, "--json").json
            tools = cli.ok("tools", lab.mcp_url, "--json").json["tools"]

            assert (members["dpop"], members["token_type"]) == (True, "DPoP")
            assert refreshed["token_type"] == "DPoP"
            assert tools

    def test_nobody_asked_for_it(self, cli: CommandLine) -> None:
        with Lab(LabConfig(dpop=True)) as lab:
            assert not cli.ok("login", lab.mcp_url, "--json").json["dpop"]
            assert cli.ok("login", lab.mcp_url, "--force", "--dpop", "--json").json["dpop"]

    def test_a_server_that_gives_a_bearer_token_instead(self, cli: CommandLine, lab: Lab) -> None:
        done = cli("login", lab.mcp_url, "--dpop", "--json")

        assert done.code == 7
        assert "not DPoP" in done.error["message"]


class TestLegacy:
    """MCP 2025-03-26: no metadata of the resource."""

    @pytest.fixture
    def old(self) -> Iterator[Lab]:
        config = LabConfig(
            same_origin=True, challenge_hints=False, require_resource=False, iss_parameter=False
        )
        with Lab(config) as lab:
            lab.faults.resource_metadata_status = 404
            lab.faults.metadata_status = 404
            yield lab

    def test_it_is_off_by_default(self, cli: CommandLine, old: Lab) -> None:
        assert cli("login", old.mcp_url).code == 7

    def test_by_name_and_shown(self, cli: CommandLine, old: Lab) -> None:
        members = cli.ok("login", old.mcp_url, "--legacy", "--json").json

        assert members["legacy"] is True
        assert "2025-03-26" in cli.ok("status", old.mcp_url).out
        assert all(
            asked.query["code_challenge_method"] == ("S256",) for asked in old.recorder.to("/authorize")
        )
        cli.ok("token", old.mcp_url)


class TestKeepRegistration:
    """RFC 7592."""

    def test_a_registration_that_nobody_uses_is_deleted(self, cli: CommandLine, lab: Lab, url: str) -> None:
        done = cli.ok("logout", url, "--json")

        assert done.json["registration"] == "deleted"
        assert [asked.method for asked in lab.recorder.requests if "/register/" in asked.path] == ["DELETE"]
        assert cli.store.registration(lab.issuer) is None

    def test_unless_it_is_to_be_kept(self, cli: CommandLine, lab: Lab, url: str) -> None:
        done = cli.ok("logout", url, "--keep-registration", "--json")

        assert done.json["registration"] == "kept"
        assert cli.store.registration(lab.issuer) is not None
        cli.ok("login", url)
        assert lab.recorder.to("/register") == ()

    def test_or_another_account_uses_it(self, cli: CommandLine, lab: Lab, url: str) -> None:
        cli.ok("login", url, "--account", "work")

        assert cli.ok("logout", url, "--json").json["registration"] == "kept"
        cli.ok("token", url, "--account", "work")
        assert cli.ok("logout", url, "--account", "work", "--json").json["registration"] == "deleted"

    def test_a_server_that_is_gone_is_said_and_not_fatal(self, cli: CommandLine) -> None:
        with Lab() as lab:
            cli.ok("login", lab.mcp_url)
        done = cli.ok("logout", lab.mcp_url, "--json")

        assert done.json["registration"] == "kept"
        assert done.json["registration_because"]
        assert cli.store.logins() == []
