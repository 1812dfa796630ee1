"""A person who says no."""

from .command import CommandLine
from .running import ProtectedServer

DECLINED = 3


def test_a_declined_consent_exits_3_and_leaves_nothing(
    cli: CommandLine, asking_server: ProtectedServer
) -> None:
    before = asking_server.desk.token_requests()

    declined = cli("login", asking_server.url, "--json", browser=cli.says_no).exited(DECLINED)

    assert declined.stdout == ""
    assert declined.error["code"]
    assert cli("list", "--json").ok().json == {"logins": []}
    assert asking_server.desk.token_requests() == before


def test_declining_a_second_login_keeps_the_first(cli: CommandLine, sdk_server: ProtectedServer) -> None:
    cli("login", sdk_server.url).ok()

    cli("login", sdk_server.url, "--force", browser=cli.says_no).exited(DECLINED)

    token = cli("token", sdk_server.url, browser=cli.trap).ok().stdout.strip()
    assert sdk_server.accepts(token)
