"""A whole session against servers that others wrote: login, tools, token, logout."""

from .command import CommandLine
from .running import ProtectedServer
from .servers.ledger import fingerprint
from .waiting import last_refresh_token

LOGIN_DECLINED_OR_REQUIRED = 3


def test_log_in_use_it_log_out(cli: CommandLine, protected_server: ProtectedServer) -> None:
    url = protected_server.url

    login = cli("login", url, "--json").ok().json
    assert login["server"] == url
    assert login["issuer"] == protected_server.issuer
    assert login["registration"] == "dynamic"
    assert login["state"] == "valid"
    assert login["refreshable"] is True
    assert "mcp:tools" in login["scope"].split()

    tools = cli("tools", url, "--json", browser=cli.trap).ok().json
    assert [tool["name"] for tool in tools["tools"]] == [protected_server.tool]

    token = cli("token", url, browser=cli.trap).ok().stdout
    assert token == token.strip() + "\n"
    assert protected_server.accepts(token.strip())

    cli("logout", url).ok()
    after = cli("token", url, browser=cli.trap).exited(LOGIN_DECLINED_OR_REQUIRED)
    assert after.stdout == ""
    assert f"mcp-vacuum login {url}" in after.stderr
    assert not cli.browser_was_started()


def test_logout_ends_the_refresh_token_where_the_server_lets_it(
    cli: CommandLine, fastmcp_remote: ProtectedServer
) -> None:
    """oidc-provider revokes for public clients."""
    assert fastmcp_remote.revokes
    login = cli("login", fastmcp_remote.url, "--json").ok().json
    refresh_token = last_refresh_token(fastmcp_remote)

    cli("logout", fastmcp_remote.url).ok()

    revocations = fastmcp_remote.desk.log()["revocations"]
    assert (fingerprint(refresh_token), 200) in [(line["token"], line["status"]) for line in revocations]
    answer = fastmcp_remote.try_refresh(refresh_token, login["client_id"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_logout_forgets_the_login_where_the_server_refuses_to_revoke(
    cli: CommandLine, sdk_server: ProtectedServer
) -> None:
    """The MCP SDK answers 400 to every public client: the login is gone here all the same."""
    assert not sdk_server.revokes
    cli("login", sdk_server.url).ok()

    cli("logout", sdk_server.url).ok()

    assert cli("list", "--json").ok().json == {"logins": []}
