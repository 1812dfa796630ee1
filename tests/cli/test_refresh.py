"""`mcp-vacuum refresh`."""

from __future__ import annotations

from mcp_vacuum.lab import Lab

from .conftest import CommandLine
from .test_login import KEYS, MORE_KEYS


class TestRefresh:
    def test_it_refreshes_now(self, cli: CommandLine, lab: Lab, url: str) -> None:
        done = cli.ok("refresh", url, "--json")

        assert set(done.json) == KEYS | MORE_KEYS
        assert [request.path for request in lab.recorder.requests] == ["/token"]
        assert cli.store.logins()[0].generation == 2

    def test_a_revoked_login(self, cli: CommandLine, lab: Lab, url: str) -> None:
        lab.revoke_everything()
        done = cli("refresh", url)

        assert done.code == 3
        assert f"mcp-vacuum login {url}" in done.err

    def test_a_server_that_answers_nonsense_leaves_the_login(
        self, cli: CommandLine, lab: Lab, url: str
    ) -> None:
        lab.faults.token_html = True
        done = cli("refresh", url)
        lab.faults.clear()

        assert done.code == 7
        assert "--force" in done.err
        cli.ok("refresh", url)
