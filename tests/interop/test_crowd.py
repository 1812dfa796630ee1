"""16 processes at once against a server that ends the whole family on reuse ("Done when" 5)."""

from tests.reliability.report import fault

from .command import CommandLine, finish
from .running import ProtectedServer
from .test_refresh import BRIEF
from .waiting import let_it_expire

CROWD = 16


@fault(
    "16 processes at once, at somebody else's server (strict)",
    chapter="Many at once",
    made="16 `mcp-vacuum token` are started together; the server is built with the MCP SDK",
)
def test_sixteen_processes_share_one_login(cli: CommandLine, sdk_server: ProtectedServer) -> None:
    with sdk_server.desk.settings(token_lifetime=BRIEF):
        cli("login", sdk_server.url).ok()
        let_it_expire(BRIEF)
    before, reuses_before = len(sdk_server.desk.refreshes()), sdk_server.desk.log()["reuses"]

    crowd = [cli.start("token", sdk_server.url, browser=cli.trap) for _ in range(CROWD)]
    results = [finish(process) for process in crowd]

    tokens = [result.ok().stdout.strip() for result in results]
    assert all(sdk_server.accepts(token) for token in tokens)
    sent = [line.refresh_token for line in sdk_server.desk.refreshes()[before:]]
    assert sent
    assert len(set(sent)) == len(sent), "a refresh token was sent twice"
    assert sdk_server.desk.log()["reuses"] == reuses_before
    assert not cli.browser_was_started()
