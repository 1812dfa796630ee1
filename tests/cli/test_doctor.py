"""`mcp-vacuum doctor`."""

from __future__ import annotations

import pytest

from mcp_vacuum.cli.commands.doctor import as_text
from mcp_vacuum.cli.ui import Settings, Ui
from mcp_vacuum.doctor.finding import Report, Section, fail, ok, skipped, warn
from mcp_vacuum.lab import Lab

from .conftest import CommandLine


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)


class TestCommand:
    def test_the_object_of_json(self, cli: CommandLine, url: str) -> None:
        members = cli.ok("doctor", url, "--json").json

        assert set(members) == {"checks", "ok"}
        assert members["ok"] is True
        assert all(set(each) == {"name", "verdict", "what", "why", "fix"} for each in members["checks"])
        assert {"home", "key", "vault", "tls", "pkce"} - {each["name"] for each in members["checks"]} == {
            "tls"
        }

    def test_before_the_first_login(self, cli: CommandLine) -> None:
        done = cli.ok("doctor")

        assert "nothing fails" in done.out
        assert "mcp-vacuum login URL" in done.out
        assert not cli.home.exists()

    @pytest.mark.parametrize("place", ["home", "home/below"])
    def test_nothing_is_promised_where_a_login_cannot_work(
        self, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        cli.home.write_text("")
        monkeypatch.setenv("MCP_VACUUM_HOME", str(cli.home.parent / place))
        done = cli("doctor", "--json")
        verdicts = {each["name"]: each["verdict"] for each in done.json["checks"]}

        assert done.code == 6
        assert [verdicts[name] for name in ("home", "permissions", "vault", "logins")] == [
            "fail",
            "skipped",
            "skipped",
            "skipped",
        ]
        assert [cli(*each).code for each in (["list"], ["login", "https://mcp.example/"])] == [6, 6]

    @pytest.mark.parametrize("flag", [(), ("--json",)])
    def test_the_exit_code_is_the_first_failures(self, cli: CommandLine, url: str, flag: tuple[str]) -> None:
        assert cli("doctor", *flag).code == 0
        (cli.home / "vault.key").unlink()
        done = cli("doctor", *flag)

        assert done.code == 6
        assert "the vault's key is missing" in done.out
        assert done.err == ""

    def test_a_login_that_ended(self, cli: CommandLine, lab: Lab, url: str) -> None:
        lab.revoke_everything()
        cli("token", url)
        done = cli("doctor", url)

        assert done.code == 3
        assert f"fix: mcp-vacuum login {url}" in done.out

    def test_a_server_that_broke_a_rule(self, cli: CommandLine, lab: Lab) -> None:
        lab.faults.no_pkce_advertised = True

        assert cli("doctor", lab.mcp_url).code == 4

    def test_a_name_that_nobody_knows(self, cli: CommandLine) -> None:
        assert cli("doctor", "nobody", "--json").error["code"] == "login_required"

    def test_no_secret_of_the_login_is_printed(self, cli: CommandLine, lab: Lab, url: str) -> None:
        printed = cli("doctor", url).out + cli("doctor", url, "--json").out
        printed += cli("doctor").out + cli("doctor", "-vv").out
        secrets = (*lab.issued_refresh_tokens, *lab.issued_access_tokens, *lab.issued_client_secrets)

        assert secrets
        assert [secret for secret in secrets if secret in printed] == []


REPORT = Report(
    (
        Section(
            "here",
            (
                ok("home", "all is well"),
                warn("clock", "it is " + "late " * 20, "because", "set it"),
                skipped("a-b", "no way"),
                skipped("c", "no way"),
                fail("key", "it is locked", "", "unlock it"),
            ),
        ),
    )
)


class TestText:
    def test_aligned_wrapped_and_with_the_fix_below(self) -> None:
        lines = as_text(Ui(Settings()), REPORT, width=60).splitlines()

        assert lines == [
            "here",
            "  ✓ home     all is well",
            "  ! clock    it is late late late late late late late late",
            "             late late late late late late late late late",
            "             late late late",
            "             because",
            "             fix: set it",
            "  - skipped  a b, c: no way",
            "  ✗ key      it is locked",
            "             fix: unlock it",
            "",
            "fails: key; worth a look: clock",
        ]

    def test_no_line_is_wider_than_the_terminal(self, cli: CommandLine, url: str) -> None:
        text = cli.ok("doctor").out

        assert max(len(line) for line in text.splitlines() if str(cli.home) not in line) <= 80
