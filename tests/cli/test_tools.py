"""`mcp-vacuum tools`."""

from __future__ import annotations

import logging
import sys

import pytest

from mcp_vacuum.cli.commands.tools import _meaning
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.lab.messages import App, Request, Response

from .conftest import CommandLine


class TestTools:
    def test_the_object_of_json(self, cli: CommandLine, url: str) -> None:
        members = cli.ok("tools", url, "--json").json

        assert set(members) == {"server", "tools", "resources", "prompts"}
        assert [tool["name"] for tool in members["tools"]] == ["add", "whoami", "time"]
        assert [resource["uri"] for resource in members["resources"]] == ["lab://welcome"]
        assert [prompt["name"] for prompt in members["prompts"]] == ["haiku"]

    def test_the_text(self, cli: CommandLine, url: str) -> None:
        out = cli.ok("tools", url).out

        assert out.startswith(url)
        assert "whoami" in out
        assert "\x1b" not in out

    def test_hostile_names_are_made_printable(self, cli: CommandLine, lab: Lab, url: str) -> None:
        lab.faults.hostile_text = "\x1b]0;owned\x07\x1b[31m"
        out = cli.ok("tools", url).out

        assert "\x1b" not in out
        assert "\x07" not in out

    def test_an_open_server_needs_no_login(self, cli: CommandLine) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            assert cli.ok("tools", lab.mcp_url, "--json").json["tools"]

    def test_a_protected_one_does(self, cli: CommandLine, lab: Lab) -> None:
        done = cli("tools", lab.mcp_url)

        assert done.code == 3
        assert f"mcp-vacuum login {lab.mcp_url}" in done.err

    def test_more_scope_is_for_a_person_with_the_account(self, cli: CommandLine, lab: Lab, url: str) -> None:
        cli.ok("login", url, "--account", "work")
        lab.faults.mcp_insufficient_scope = "mcp:admin"
        done = cli("tools", url, "--account", "work")

        assert done.code == 3
        assert f"mcp-vacuum login {url} --account work --scope mcp:admin" in done.err
        lab.faults.clear()
        cli.ok("login", url, "--account", "work", "--scope", "mcp:admin")
        (asked,) = lab.recorder.to("/authorize")[-1].query["scope"]
        assert {"mcp:tools", "mcp:admin"} <= set(asked.split())

    def test_a_login_whose_fresh_token_is_refused_has_to_be_repeated(
        self, cli: CommandLine, lab: Lab, url: str
    ) -> None:
        lab.faults.mcp_always_401 = True
        done = cli("tools", url)

        assert done.code == 3
        assert f"mcp-vacuum login {url} --force" in done.err

    def test_a_login_that_ends_in_the_middle_is_told_in_a_few_lines(
        self, cli: CommandLine, lab: Lab, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logging.getLogger(), "handlers", [])

        def ends_after_two_calls(request: Request, app: App) -> Response:
            if len([each for each in lab.recorder.to("/mcp") if each.status == 200]) == 2:
                lab.revoke_everything()
            return app(request)

        cli.ok("login", url)
        lab.recorder.clear()
        lab.faults.around = ends_after_two_calls
        done = cli("tools", url)

        assert done.code == 3
        assert f"mcp-vacuum login {url}" in done.err
        assert len(done.err.splitlines()) <= 3, done.err

    def test_a_server_that_is_down(self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mcp_vacuum.tokens.renewal.PATIENCE", 0.0)
        with Lab() as lab:
            cli.ok("login", lab.mcp_url)
        done = cli("tools", lab.mcp_url)

        assert done.code == 5
        assert len(done.err.splitlines()) <= 3

    @pytest.mark.parametrize("address", ["http://127.0.0.1:1/mcp", "https://mcp.invalid/mcp", "path"])
    def test_what_a_login_has_words_for_is_said_in_these(
        self, cli: CommandLine, lab: Lab, address: str
    ) -> None:
        target = lab.mcp_url.replace("/mcp", "/elsewhere") if address == "path" else address
        done, login = cli("tools", target), cli("login", target)

        assert done.code == login.code
        assert done.err.splitlines() == login.err.splitlines()[-2:]
        assert "  fix: " in done.err

    def test_nothing_is_said_twice(self, cli: CommandLine, lab: Lab, url: str) -> None:
        lab.faults.around = lambda request, app: (
            Response(403) if "authorization" in request.headers else app(request)
        )
        done = cli("tools", url)

        said, fix = done.err.splitlines()
        assert (done.code, said.endswith(" (status 403)")) == (5, True)
        assert fix == f"  fix: mcp-vacuum doctor {url}"
        linked = OSError("the same")
        linked.__cause__ = OSError("the same")
        assert _meaning(url, linked, []).message.endswith("server: the same")

    def test_html_is_no_mcp_server(self, cli: CommandLine, lab: Lab, url: str) -> None:
        lab.faults.mcp_html = True
        done = cli("tools", url)

        assert done.code == 5
        assert len(done.err.splitlines()) <= 3

    def test_without_the_sdk_the_installation_is_named(
        self, cli: CommandLine, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "mcp", None)
        done = cli("tools", url)

        assert done.code == 2
        assert "pip install 'mcp-vacuum[mcp]'" in done.err
