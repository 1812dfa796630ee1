"""`mcp-vacuum token`."""

from __future__ import annotations

import pytest

from mcp_vacuum.lab import Lab, LabConfig

from .conftest import CommandLine


class TestToken:
    def test_it_is_alone_on_stdout(self, cli: CommandLine, lab: Lab, url: str) -> None:
        done = cli.ok("token", url)

        assert (done.out, done.err) == (f"{lab.issued_access_tokens[-1]}\n", "")

    def test_header(self, cli: CommandLine, lab: Lab, url: str) -> None:
        assert (
            cli.ok("token", url, "--header").out == f"Authorization: Bearer {lab.issued_access_tokens[-1]}\n"
        )

    def test_the_object_of_json(self, cli: CommandLine, lab: Lab, url: str) -> None:
        members = cli.ok("token", url, "--json").json

        assert set(members) == {"access_token", "token_type", "expires_at", "server", "account"}
        assert members["access_token"] == lab.issued_access_tokens[-1]
        assert (members["token_type"], members["server"], members["account"]) == ("Bearer", url, "default")

    def test_a_new_process_refreshes_with_one_request_and_no_browser(
        self, cli: CommandLine, lab: Lab, url: str
    ) -> None:
        cli.visited.clear()
        cli.ok("token", url)

        assert [request.path for request in lab.recorder.requests] == ["/token"]
        assert cli.visited == []

    @pytest.mark.parametrize("spelling", ["127.0.0.1", "{host}", "{host}/mcp", "{url}", "{upper}", "work"])
    def test_other_names_of_a_server(self, cli: CommandLine, lab: Lab, url: str, spelling: str) -> None:
        cli.ok("alias", url, "work")
        host = url.split("/")[2]
        name = spelling.format(host=host, url=url, upper=url.replace("http", "HTTP"))

        assert cli.ok("token", name).out.strip() == lab.issued_access_tokens[-1]

    def test_a_token_that_lives_shorter_than_asked_for_is_said_on_stderr(self, cli: CommandLine) -> None:
        with Lab(LabConfig(access_token_lifetime=50)) as lab:
            cli.ok("login", lab.mcp_url)
            kept = cli.ok("token", lab.mcp_url)
            short = cli.ok("token", lab.mcp_url, "--min-valid", "300")
            quiet = cli.ok("token", lab.mcp_url, "--min-valid", "300", "--quiet")

        assert kept.err == quiet.err == ""
        assert short.err.startswith("note: this token is good for ")
        assert "not for the 300 s that were asked for: the server's tokens live 50 s" in short.err
        assert short.out.count("\n") == 1

    def test_a_token_that_lives_long_enough_needs_no_word(self, cli: CommandLine, url: str) -> None:
        assert cli.ok("token", url, "--min-valid", "300").err == ""

    def test_an_account(self, cli: CommandLine, lab: Lab, url: str) -> None:
        cli.ok("login", url, "--account", "work")
        cli.ok("token", url, "--account", "work")
        unknown = cli("token", url, "--account", "third")

        assert unknown.code == 3
        assert "default, work" in unknown.err


class TestWithoutALogin:
    def test_it_exits_3_and_names_the_command(self, cli: CommandLine) -> None:
        done = cli("token", "https://mcp.example/mcp")

        assert (done.code, done.out) == (3, "")
        assert "mcp-vacuum login https://mcp.example/mcp" in done.err
        assert not cli.home.exists()

    def test_the_object_of_json(self, cli: CommandLine) -> None:
        done = cli("token", "https://mcp.example/mcp", "--json")

        assert (done.code, done.out) == (3, "")
        assert set(done.error) == {"code", "message", "hint", "spec", "url"}
        assert done.error["code"] == "login_required"
        assert done.error["hint"] == "mcp-vacuum login https://mcp.example/mcp"
        assert done.error["url"] == "https://mcp.example/mcp"

    def test_an_ambiguous_host_lists_what_it_could_mean(self, cli: CommandLine, url: str) -> None:
        with Lab() as other:
            cli.ok("login", other.mcp_url)
            done = cli("token", "127.0.0.1")

        assert done.code == 2
        assert url in done.err
        assert other.mcp_url in done.err

    def test_a_login_that_ended(self, cli: CommandLine, lab: Lab, url: str) -> None:
        lab.revoke_everything()
        first, second = cli("token", url), cli("token", url)

        assert (first.code, second.code) == (3, 3)
        assert f"mcp-vacuum login {url}" in first.err
        assert len(lab.recorder.to("/token")) == 1

    @pytest.mark.parametrize("value", ["-1", "soon"])
    def test_a_min_valid_that_makes_no_sense(self, cli: CommandLine, url: str, value: str) -> None:
        assert cli("token", url, "--min-valid", value).code == 2
