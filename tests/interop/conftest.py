"""Fixtures of the interop tests: the servers (one of each a session) and the command line.

Servers::

    sdk_server           MCP Python SDK 2.x: resource and authorization server in one
    fastmcp_own          FastMCP 4 with its own in-memory provider
    fastmcp_open         FastMCP 4 that asks nobody for a token
    fastmcp_remote       FastMCP 4 in front of oidc_provider (root issuer, metadata adds a slash)
    fastmcp_path         the same with an issuer that has a path
    fastmcp_proxy        FastMCP 4's OIDCProxy: an authorization server in front of oidc_provider
    oidc_provider        npm oidc-provider, an authorization server only
    oidc_grants          the same with device login, client credentials, DPoP nonces and RFC 7592
    fastmcp_grants       FastMCP 4 in front of oidc_grants
    dpop_resource        an MCP server in front of oidc_grants that takes bound tokens only, with nonces
    django_server        django-oauth-toolkit, with a resource in front
    better_auth          npm better-auth, with a resource in front
    glewlwyd             Glewlwyd, a Debian package, with a resource in front
    protected_server     each of the five protected servers in turn (path and proxy: `long`)
asking_server        the same without fastmcp_own, where nobody is asked
start_sdk_server     starts one more SDK server with options of its own
    cli                  runs `python -m mcp_vacuum` in a home of its own
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from . import install, install_django
from .command import CommandLine
from .running import (
    AuthorizationServer,
    Desk,
    ProtectedServer,
    free_port,
    python_server,
    running,
    stated_issuer,
    well_known,
)

ASKING = (
    "sdk_server",
    "fastmcp_remote",
    pytest.param("fastmcp_path", marks=pytest.mark.long),
    pytest.param("fastmcp_proxy", marks=pytest.mark.long),
)
PROTECTED = ("fastmcp_own", *ASKING)
"""FastMCP's own provider asks nobody: it approves at once, so nobody can decline there."""

Starter = Callable[..., AbstractContextManager[ProtectedServer]]


QUICK = ("test_session.py", "test_install.py")
"""What `make test` has of foreign servers: whole sessions. The rest is for the long run."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in parallel, these stay together: each server is started once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("interop"))
            if item.path.name not in QUICK:
                item.add_marker(pytest.mark.long)


# --- the servers ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers' own output goes."""
    return tmp_path_factory.mktemp("interop-logs")


@pytest.fixture(scope="session")
def start_sdk_server(logs: Path) -> Starter:
    """Start one more server of the MCP SDK: `with start_sdk_server("--grace", "30") as server`."""

    @contextmanager
    def start(*arguments: str) -> Iterator[ProtectedServer]:
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        command = python_server("mcp_sdk_server", *arguments)(port)
        with running(command, well_known(base), logs / f"sdk-{port}.log"):
            yield _self_contained("sdk_server", base, tool="whoami")

    return start


@pytest.fixture(scope="session")
def sdk_server(start_sdk_server: Starter) -> Iterator[ProtectedServer]:
    with start_sdk_server() as server:
        yield server


@pytest.fixture(scope="session")
def fastmcp_own(logs: Path) -> Iterator[ProtectedServer]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = python_server("fastmcp_own")(port)
    with running(command, well_known(base), logs / f"fastmcp-own-{port}.log"):
        yield _self_contained("fastmcp_own", base, tool="ping")


@pytest.fixture(scope="session")
def fastmcp_open(logs: Path) -> Iterator[str]:
    """The URL of a FastMCP server that asks nobody for a token."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with running(python_server("fastmcp_open")(port), f"{base}/ready", logs / f"fastmcp-open-{port}.log"):
        yield f"{base}/mcp"


@pytest.fixture(scope="session")
def node_modules() -> None:
    try:
        install.install()
    except install.RegistryUnreachableError as error:
        pytest.skip(f"oidc-provider is not installed and npm reaches no registry: {error}")


@pytest.fixture(scope="session")
def oidc_provider(logs: Path, node_modules: None) -> Iterator[AuthorizationServer]:
    with _oidc_provider(logs, path="") as server:
        yield server


@pytest.fixture(scope="session")
def fastmcp_remote(oidc_provider: AuthorizationServer, logs: Path) -> Iterator[ProtectedServer]:
    with _in_front_of(oidc_provider, "fastmcp_remote", logs) as server:
        yield server


@pytest.fixture(scope="session")
def fastmcp_path(logs: Path, node_modules: None) -> Iterator[ProtectedServer]:
    with (
        _oidc_provider(logs, path="/tenant1") as provider,
        _in_front_of(provider, "fastmcp_path", logs) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def fastmcp_proxy(oidc_provider: AuthorizationServer, logs: Path) -> Iterator[ProtectedServer]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = python_server("fastmcp_proxy", "--issuer", oidc_provider.issuer)(port)
    with running(command, well_known(base), logs / f"fastmcp-proxy-{port}.log"):
        yield _self_contained("fastmcp_proxy", base, tool="ping", tuner=oidc_provider.desk)


@pytest.fixture(scope="session")
def oidc_grants(logs: Path, node_modules: None) -> Iterator[AuthorizationServer]:
    on = dict.fromkeys(("DEVICE", "CLIENT_CREDENTIALS", "DPOP_NONCE", "MANAGE"), "1")
    with _oidc_provider(logs, path="", **on) as server:
        yield server


@pytest.fixture(scope="session")
def fastmcp_grants(oidc_grants: AuthorizationServer, logs: Path) -> Iterator[ProtectedServer]:
    with _in_front_of(oidc_grants, "fastmcp_grants", logs) as server:
        yield server


@pytest.fixture(scope="session")
def dpop_resource(oidc_grants: AuthorizationServer, logs: Path) -> Iterator[str]:
    """The URL of an MCP server that takes only tokens of oidc_grants that are bound to a key."""
    with _resource(oidc_grants.issuer, logs, "--dpop", "--scope", "mcp:tools") as url:
        yield url


@pytest.fixture(scope="session")
def django_server(logs: Path) -> Iterator[str]:
    """The URL of a resource that django-oauth-toolkit guards; it asks that server about each token."""
    try:
        python = install_django.install()
    except install_django.NotInstalledError as error:
        pytest.skip(f"django-oauth-toolkit is not installed and cannot be: {error}")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [str(python), "-m", "servers.django_oauth_toolkit", "--port", str(port)]
    known = ("--as", "svc:svc-secret")
    with (
        running(command, well_known(base), logs / f"django-{port}.log"),
        _resource(base, logs, "--introspect", f"{base}/introspect/", *known, "--scope", "mcp:tools") as url,
    ):
        yield url


@pytest.fixture(scope="session")
def better_auth(logs: Path) -> Iterator[str]:
    """The URL of a resource in front of better-auth."""
    folder = install.SERVERS / "better-auth"
    try:
        install.install(folder)
    except install.RegistryUnreachableError as error:
        pytest.skip(f"better-auth is not installed and npm reaches no registry: {error}")
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/api/auth"
    command = [str(install.node()), str(folder / "server.mjs")]
    environment = {"PORT": str(port), "RESOURCE": "http://127.0.0.1/mcp"}
    with (
        running(command, well_known(issuer), logs / f"better-auth-{port}.log", environment),
        _resource(issuer, logs, "--scope", "mcp:tools") as url,
    ):
        yield url


@pytest.fixture(scope="session")
def glewlwyd(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a resource in front of Glewlwyd, which is a Debian package."""
    if shutil.which("glewlwyd") is None:
        pytest.skip("glewlwyd is not installed: on Debian it is the package of that name")
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/api/oidc"
    folder = tmp_path_factory.mktemp("glewlwyd")
    command = python_server("glewlwyd", "--folder", str(folder))(port)
    ready = f"{issuer}/.well-known/openid-configuration"
    with (
        running(command, ready, logs / f"glewlwyd-{port}.log"),
        _resource(issuer, logs, "--scope", "mcp:tools") as url,
    ):
        yield url


@contextmanager
def _resource(issuer: str, logs: Path, *arguments: str) -> Iterator[str]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = python_server("guarded_resource", "--issuer", issuer, *arguments)(port)
    metadata = f"{base}/.well-known/oauth-protected-resource/mcp"
    with running(command, metadata, logs / f"resource-{port}.log"):
        yield f"{base}/mcp"


@pytest.fixture(params=PROTECTED)
def protected_server(request: pytest.FixtureRequest) -> ProtectedServer:
    server: ProtectedServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture(params=ASKING)
def asking_server(request: pytest.FixtureRequest) -> ProtectedServer:
    server: ProtectedServer = request.getfixturevalue(request.param)
    return server


def _self_contained(name: str, base: str, *, tool: str, tuner: Desk | None = None) -> ProtectedServer:
    """A server that is its own authorization server."""
    return ProtectedServer(
        name=name,
        url=f"{base}/mcp",
        issuer=stated_issuer(base),
        tool=tool,
        desk=Desk(base),
        tuner=tuner or Desk(base),
        revokes=False,
    )


@contextmanager
def _oidc_provider(logs: Path, *, path: str, **switches: str) -> Iterator[AuthorizationServer]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [str(install.node()), "servers/oidc-provider.mjs"]
    environment = {"PORT": str(port), "ISSUER": base + path, **switches}
    with running(command, well_known(base + path), logs / f"oidc-provider-{port}.log", environment):
        yield AuthorizationServer(stated_issuer(base + path), Desk(base))


@contextmanager
def _in_front_of(provider: AuthorizationServer, name: str, logs: Path) -> Iterator[ProtectedServer]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = python_server("fastmcp_remote", "--issuer", provider.issuer)(port)
    metadata = f"{base}/.well-known/oauth-protected-resource/mcp"
    with running(command, metadata, logs / f"{name}-{port}.log"):
        yield ProtectedServer(
            name=name,
            url=f"{base}/mcp",
            issuer=provider.issuer,
            tool="ping",
            desk=provider.desk,
            tuner=provider.desk,
            revokes=True,
        )


# --- the command line ----------------------------------------------------------------------------


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """A person's machine: an empty home, a browser that says yes, and `mcp-vacuum`."""
    return CommandLine(tmp_path)
