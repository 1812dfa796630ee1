"""Device login, machine grants and DPoP, against servers that others wrote, through the command line."""

import re
import subprocess
import sys
import threading

import pytest

from .browser import Visit
from .command import CommandLine, Result, finish
from .running import AuthorizationServer, ProtectedServer

SVC = ("svc", "svc-secret-svc-secret-svc-secret")
REFUSED = 7


def log_in_by_device(cli: CommandLine, *arguments: str, deny: bool = False) -> tuple[Result, str]:
    """Run a device login, and do what it says on stderr; return also what it said there."""
    process = cli.start("login", *arguments, "--device", browser=cli.trap)
    assert process.stderr
    said: list[str] = []
    with timed(process):
        for line in process.stderr:
            said.append(line)
            address = re.search(r"(http://\S+user_code=\S+)", line)
            if address:
                Visit(deny=deny).walk(address.group(1))
        result = finish(process)
    return result, "".join(said)


def timed(process: "subprocess.Popen[str]") -> "Timed":
    """End a process that hangs, so that reading its output ends too."""
    return Timed(process)


class Timed:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._timer = threading.Timer(60, process.kill)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def grant(cli: CommandLine, url: str, *arguments: str, secret: str) -> Result:
    """Run `mcp-vacuum grant` for client credentials, the secret on standard input."""
    words = [sys.executable, "-m", "mcp_vacuum", "grant", url, "--grant", "client_credentials", *arguments]
    done = subprocess.run(
        [*words, "--client-secret-stdin"],
        input=f"{secret}\n",
        env=cli._environment(cli.trap),
        cwd=cli.home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr)


class TestDevice:
    """RFC 8628 at oidc-provider, which names no interval: five seconds."""

    def test_the_code_is_entered_on_another_device(
        self, cli: CommandLine, fastmcp_grants: ProtectedServer
    ) -> None:
        result, told = log_in_by_device(cli, fastmcp_grants.url, "--json")
        login = result.ok().json
        token = cli("token", fastmcp_grants.url).ok().stdout.strip()

        assert re.search(r"enter  [A-Z]{4}-[A-Z]{4}", told)
        assert (login["grant"], login["registration"]) == ("device_code", "dynamic")
        assert (login["state"], login["refreshable"]) == ("valid", True)
        assert fastmcp_grants.accepts(token)
        assert not cli.browser_was_started()

    @pytest.mark.long
    def test_no_is_no(self, cli: CommandLine, fastmcp_grants: ProtectedServer) -> None:
        result, told = log_in_by_device(cli, fastmcp_grants.url, deny=True)

        result.exited(3)
        assert "declined" in told


class TestClientCredentials:
    def test_at_oidc_provider(self, cli: CommandLine, fastmcp_grants: ProtectedServer) -> None:
        name, secret = SVC
        kept = grant(cli, fastmcp_grants.url, "--as", "nightly", "--client-id", name, "--json", secret=secret)
        first = cli("token", "nightly").ok().stdout.strip()
        second = cli("token", "nightly").ok().stdout.strip()
        out = cli("logout", "nightly", "--json").ok().json

        assert kept.ok().json["grant"] == "client_credentials"
        assert kept.json["scope"] == "mcp:tools"
        assert fastmcp_grants.accepts(first)
        assert fastmcp_grants.accepts(second)
        assert first != second
        assert out["revoked"] is False

    def test_bound_to_a_key_with_nonces(self, cli: CommandLine, dpop_resource: str) -> None:
        name, secret = SVC
        kept = grant(cli, dpop_resource, "--as", "bound", "--client-id", name, "--json", secret=secret)

        assert kept.ok().json["token_type"] == "DPoP"
        assert [tool["name"] for tool in cli("tools", "bound", "--json").ok().json["tools"]] == ["ping"]

    def test_a_wrong_secret_is_the_servers_to_refuse(
        self, cli: CommandLine, fastmcp_grants: ProtectedServer
    ) -> None:
        done = grant(cli, fastmcp_grants.url, "--as", "n", "--client-id", "svc", "--json", secret="wrong")

        done.exited(REFUSED)
        assert "invalid_client" in done.error["message"]
        assert done.error["spec"] == "RFC 6749 §5.2"
        assert cli("list", "--json").ok().json == {"logins": []}

    @pytest.mark.long
    def test_at_django_oauth_toolkit(self, cli: CommandLine, django_server: str) -> None:
        kept = grant(cli, django_server, "--as", "d", "--client-id", "svc", "--json", secret="svc-secret")

        assert kept.ok().json["scope"] == "mcp:tools"
        assert [tool["name"] for tool in cli("tools", "d", "--json").ok().json["tools"]] == ["ping"]
        assert cli("status", "d", "--json").ok().json["state"] == "valid"


class TestDPoP:
    """RFC 9449 with the nonces of both servers: oidc-provider's, and the resource's own."""

    @pytest.fixture
    def login(self, cli: CommandLine, dpop_resource: str) -> Result:
        """The resource demands bound tokens, so nobody has to ask for them."""
        return cli("login", dpop_resource, "--json").ok()

    def test_login_refresh_and_use(self, cli: CommandLine, dpop_resource: str, login: Result) -> None:
        refreshed = cli("refresh", dpop_resource, "--json", browser=cli.trap).ok().json
        tools = cli("tools", dpop_resource, "--json", browser=cli.trap).ok().json["tools"]

        assert (login.json["token_type"], login.json["dpop"]) == ("DPoP", True)
        assert refreshed["token_type"] == "DPoP"
        assert [tool["name"] for tool in tools] == ["ping"]

    def test_the_header_says_what_it_is(self, cli: CommandLine, dpop_resource: str, login: Result) -> None:
        done = cli("token", dpop_resource, "--header").ok()

        assert done.stdout.startswith("Authorization: DPoP ")
        assert "bound to a key" in done.stderr

    @pytest.mark.long
    def test_a_person_may_ask_for_it_too(self, cli: CommandLine, fastmcp_grants: ProtectedServer) -> None:
        login = cli("login", fastmcp_grants.url, "--dpop", "--json").ok().json

        assert (login["token_type"], login["dpop"]) == ("DPoP", True)


class TestRegistrationManagement:
    """RFC 7592 at oidc-provider: what a logout leaves behind."""

    def test_logout_deletes_the_registration(
        self, cli: CommandLine, fastmcp_grants: ProtectedServer, oidc_grants: AuthorizationServer
    ) -> None:
        first = cli("login", fastmcp_grants.url, "--json").ok().json
        out = cli("logout", fastmcp_grants.url, "--json").ok().json
        second = cli("login", fastmcp_grants.url, "--json").ok().json

        assert out["registration"] == "deleted"
        assert first["client_id"] != second["client_id"]

    def test_unless_it_is_to_be_kept(self, cli: CommandLine, fastmcp_grants: ProtectedServer) -> None:
        first = cli("login", fastmcp_grants.url, "--json").ok().json
        out = cli("logout", fastmcp_grants.url, "--keep-registration", "--json").ok().json
        again = cli("login", fastmcp_grants.url, "--json").ok()
        second = again.json

        assert out["registration"] == "kept"
        assert first["client_id"] == second["client_id"], again.told
