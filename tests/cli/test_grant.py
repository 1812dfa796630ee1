"""`mcp-vacuum grant`, and the commands that take what it keeps."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_vacuum.lab import Lab
from tests.test_machine import EVERYTHING, PRIVATE, assertion

from .conftest import CommandLine, Done


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(EVERYTHING) as lab:
        lab.add_client("svc", client_secret="svc-secret", auth_method="client_secret_basic")
        yield lab


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `--client-secret-stdin` reads, every time."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("svc-secret\n" * 9))


def grant(cli: CommandLine, lab: Lab, *more: str, name: str = "nightly") -> Done:
    words = ("--as", name, "--grant", "client_credentials", "--client-id", "svc", "--client-secret-stdin")
    return cli("grant", lab.mcp_url, *words, *more)


@pytest.fixture
def token_file(lab: Lab, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(assertion(lab))
    return path


class TestResult:
    def test_the_object_of_json(self, cli: CommandLine, lab: Lab) -> None:
        done = grant(cli, lab, "--json")
        members = done.json

        assert done.code == 0
        assert (members["alias"], members["server"], members["issuer"]) == (
            "nightly",
            lab.mcp_url,
            lab.issuer,
        )
        assert (members["grant"], members["token_type"]) == ("client_credentials", "Bearer")
        assert (members["client_id"], members["registration"]) == ("svc", "preregistered")
        assert (members["state"], members["refreshable"], members["dpop"]) == ("valid", True, False)

    def test_the_text_says_what_it_is(self, cli: CommandLine, lab: Lab) -> None:
        done = grant(cli, lab)

        assert "client credentials" in done.out
        assert "mcp-vacuum token nightly" in done.err
        assert "svc-secret" not in done.out + done.err

    @pytest.mark.parametrize("kind", ["jwt_bearer", "token_exchange"])
    def test_a_token_from_a_file(self, cli: CommandLine, lab: Lab, kind: str, token_file: Path) -> None:
        words = ("--client-id", "svc", "--client-secret-stdin", "--token-type", "jwt")
        source = ("--token-from", f"file:{token_file}")
        done = cli("grant", lab.mcp_url, "--as", "job", "--grant", kind, *words, *source, "--json")

        assert (done.code, done.json["grant"]) == (0, kind)
        assert cli.ok("token", "job").out.strip() == lab.issued_access_tokens[-1]

    def test_bound_to_a_key(self, cli: CommandLine, lab: Lab) -> None:
        assert grant(cli, lab, "--dpop", "--json").json["token_type"] == "DPoP"
        done = cli.ok("token", "nightly", "--header")

        assert done.out.startswith("Authorization: DPoP ")
        assert "bound to a key" in done.err
        assert "DPoP" in cli.ok("status", "nightly").out

    def test_a_scope(self, cli: CommandLine, lab: Lab) -> None:
        assert grant(cli, lab, "--scope", "mcp:tools", "--json").json["scope"] == "mcp:tools"


class TestOtherCommands:
    """`token NAME` works for both kinds, and so do the others."""

    def test_token_asks_anew(self, cli: CommandLine, lab: Lab) -> None:
        grant(cli, lab)
        first, second = (cli.ok("token", "nightly").out for _ in range(2))

        assert first != second
        assert cli.visited == []

    def test_status_list_and_refresh(self, cli: CommandLine, lab: Lab) -> None:
        grant(cli, lab)
        status = cli.ok("status", "nightly", "--json").json
        (listed,) = cli.ok("list", "--json").json["logins"]
        refreshed = cli.ok("refresh", "nightly", "--json").json

        assert status == listed
        assert {**refreshed, "expires_at": None} == {**status, "expires_at": None}
        assert "refreshes by itself" in cli.ok("status", "nightly").out
        assert "valid" in cli.ok("list").out

    def test_logout_revokes_nothing_and_says_so(self, cli: CommandLine, lab: Lab) -> None:
        grant(cli, lab)
        done = cli.ok("logout", "nightly", "--json")

        assert (done.json["revoked"], done.json["registration"]) == (False, None)
        assert "nothing was revoked" in done.err
        assert lab.recorder.to("/revoke") == ()
        assert cli("token", "nightly").code == 3

    def test_tools(self, cli: CommandLine, lab: Lab) -> None:
        grant(cli, lab)

        assert cli.ok("tools", "nightly", "--json").json["tools"]

    def test_a_server_that_says_no_later_loses_nothing(self, cli: CommandLine, lab: Lab) -> None:
        grant(cli, lab)
        lab.faults.token_error = "invalid_client"
        refused = cli("token", "nightly", "--json")
        lab.faults.clear()

        assert (refused.code, refused.error["code"]) == (7, "oauth_error")
        cli.ok("token", "nightly")


class TestUsage:
    @pytest.mark.parametrize(
        "words",
        [
            (),
            ("--as", "n"),
            ("--as", "n", "--grant", "password"),
            ("--as", "n", "--grant", "client_credentials"),
            ("--as", "n", "--grant", "client_credentials", "--client-id", "svc"),
            ("--as", "n", "--grant", "client_credentials", "--client-secret-stdin"),
            ("--as", "n", "--grant", "client_credentials", "--client-id", "svc", "--signing-alg", "ES256"),
            ("--as", "n", "--grant", "client_credentials", "--client-id", "svc", "--client-key", "/none"),
            ("--as", "n", "--grant", "jwt_bearer"),
            ("--as", "n", "--grant", "jwt_bearer", "--token-from", "a.b.c"),
            ("--as", "n", "--grant", "id_jag", "--token-from", "env:X"),
            ("--as", "https://x", "--grant", "jwt_bearer", "--token-from", "env:X"),
        ],
    )
    def test_what_makes_no_sense_is_found_before_anything_is_sent(
        self, cli: CommandLine, lab: Lab, words: tuple[str, ...]
    ) -> None:
        assert cli("grant", lab.mcp_url, *words).code == 2
        assert lab.recorder.requests == ()

    def test_a_secret_and_a_key(self, cli: CommandLine, lab: Lab, tmp_path: Path) -> None:
        (tmp_path / "key.pem").write_text(PRIVATE)
        done = grant(cli, lab, "--client-key", str(tmp_path / "key.pem"), "--json")

        assert (done.code, done.error["spec"]) == (2, "OAuth 2.1 §2.4")

    @pytest.mark.parametrize("content", ["", "no key", "\xff"])
    def test_a_key_file_without_a_key(self, cli: CommandLine, lab: Lab, tmp_path: Path, content: str) -> None:
        (tmp_path / "key.pem").write_text(content)
        words = ("--grant", "client_credentials", "--client-id", "svc", "--client-key")
        done = cli("grant", lab.mcp_url, "--as", "n", *words, str(tmp_path / "key.pem"), "--json")

        assert done.code in (2, 7)
        assert done.error["code"] in ("usage", "authentication_failed")
        assert lab.recorder.to("/token") == ()

    def test_a_name_that_is_taken(self, cli: CommandLine, lab: Lab) -> None:
        grant(cli, lab)

        assert grant(cli, lab, "--account", "other").code == 2

    def test_an_expired_assertion(self, cli: CommandLine, lab: Lab, tmp_path: Path) -> None:
        (tmp_path / "old").write_text(assertion(lab, exp=1))
        words = ("--grant", "jwt_bearer", "--token-from", f"file:{tmp_path / 'old'}")
        done = cli("grant", lab.mcp_url, "--as", "n", *words, "--json")

        assert (done.code, done.error["spec"]) == (7, "RFC 7523 §3 (4)")
