"""The other commands around a login, by the contract of the command line."""

import sys

from .command import CommandLine
from .running import ProtectedServer

LOGIN_REQUIRED = 3
LOGIN_FIELDS = {
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


def test_login_status_and_refresh_answer_with_the_same_fields(
    cli: CommandLine, sdk_server: ProtectedServer
) -> None:
    login = cli("login", sdk_server.url, "--json").ok().json
    status = cli("status", sdk_server.url, "--json", browser=cli.trap).ok().json
    refreshed = cli("refresh", sdk_server.url, "--json", browser=cli.trap).ok().json

    assert login.keys() >= LOGIN_FIELDS
    assert status.keys() >= LOGIN_FIELDS
    assert refreshed.keys() >= LOGIN_FIELDS
    assert {answer["client_id"] for answer in (login, status, refreshed)} == {login["client_id"]}
    assert {answer["access_token"] for answer in (login, status, refreshed)} <= {"in_agent", "none"}


def test_list_names_the_login(cli: CommandLine, sdk_server: ProtectedServer) -> None:
    cli("login", sdk_server.url).ok()

    logins = cli("list", "--json").ok().json["logins"]

    assert [login["server"] for login in logins] == [sdk_server.url]


def test_a_login_that_is_still_valid_opens_no_second_tab(
    cli: CommandLine, sdk_server: ProtectedServer
) -> None:
    cli("login", sdk_server.url).ok()

    cli("login", sdk_server.url, browser=cli.trap).ok()

    assert not cli.browser_was_started()


def test_token_speaks_three_ways(cli: CommandLine, sdk_server: ProtectedServer) -> None:
    cli("login", sdk_server.url).ok()

    document = cli("token", sdk_server.url, "--json").ok().json
    header = cli("token", sdk_server.url, "--header").ok().stdout

    assert document.keys() >= {"access_token", "token_type", "expires_at", "server", "account"}
    assert document["token_type"].lower() == "bearer"
    assert document["server"] == sdk_server.url
    assert sdk_server.accepts(header.rpartition("Bearer ")[2].strip())


def test_run_hands_the_token_to_a_program(cli: CommandLine, sdk_server: ProtectedServer) -> None:
    cli("login", sdk_server.url).ok()
    program = "import os; print(os.environ['MCP_VACUUM_TOKEN'])"

    said = cli("run", sdk_server.url, "--", sys.executable, "-c", program, browser=cli.trap).ok().stdout

    assert sdk_server.accepts(said.strip())


def test_token_without_a_login_names_the_command_to_type(
    cli: CommandLine, sdk_server: ProtectedServer
) -> None:
    answer = cli("token", sdk_server.url, browser=cli.trap).exited(LOGIN_REQUIRED)

    assert answer.stdout == ""
    assert f"mcp-vacuum login {sdk_server.url}" in answer.stderr
    assert not cli.browser_was_started()
