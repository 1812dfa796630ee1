from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from mcp_vacuum.models import Attempt, ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.env_source import EnvSource
from mcp_vacuum.storage.opening import memory_store, open_store

SOURCE = Path(__file__).parents[2] / "src"
SERVER = "https://mcp.example/mcp"
Script = Callable[..., "subprocess.Popen[str]"]


class FakeKeyring(KeyringBackend):
    """A keyring in a dictionary that fails, or answers, as it is told."""

    priority: ClassVar[float] = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.items: dict[tuple[str, str], str] = {}
        self.trouble: Exception | None = None
        self.before: Callable[[], object] = lambda: None

    def get_password(self, service: str, username: str) -> str | None:
        self._answer()
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._answer()
        self.items[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._answer()
        del self.items[service, username]

    def _answer(self) -> None:
        self.before()
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture(autouse=True)
def _no_real_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test reaches the keyring, the key or the home of the person who runs it."""
    for name in ("MCP_VACUUM_HOME", "MCP_VACUUM_KEY_SOURCE", "MCP_VACUUM_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(EnvSource, "_taken", ())
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


@pytest.fixture
def fake_keyring() -> FakeKeyring:
    """A working keyring, in use."""
    fake = FakeKeyring()
    keyring.set_keyring(fake)
    return fake


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that does not exist yet."""
    return tmp_path / "home"


@pytest.fixture
def script(home: Path) -> Iterator[Script]:
    """Start Python code in a process of its own; `home` is its first argument."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(home), *map(str, arguments)],
            env={
                **os.environ,
                "PYTHONPATH": str(SOURCE),
                "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finished(process: subprocess.Popen[str], timeout: float = 60) -> str:
    """Return what a script printed, or fail with what it complained of."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out.strip()


def start_together(processes: list[subprocess.Popen[str]]) -> None:
    """Let scripts go that have printed a line and read one: all at the same moment."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def login(server: str = SERVER, generation: int = 1, account: str = "default", **more: object) -> Credential:
    """Return a login with a value in every field."""
    filled = Credential(
        server=server,
        account=account,
        resource=server,
        issuer="https://as.example",
        token_endpoint="https://as.example/token",
        revocation_endpoint="https://as.example/revoke",
        introspection_endpoint="https://as.example/introspect",
        device_authorization_endpoint="https://as.example/device",
        client=registration(),
        redirect_uri="http://127.0.0.1:4711/callback",
        scope_asked="mcp:tools offline_access",
        scope="mcp:tools",
        refresh_token=Secret("refresh-Grüße-0123456789abcdef"),
        token_type="DPoP",
        created_at=1_700_000_000.125,
        refreshed_at=1_700_000_100.5,
        expires_at=1_700_003_700.5,
        lifetime=3600,
        generation=generation,
        journal=Attempt(generation=1, digest="ab" * 32, at=1.5, host="h", boot_id="b", pid=42, pid_start="s"),
        doubts=(1.0, 2.5),
        ended="invalid_grant",
        reach="private",
        allow_private_network=True,
        quirks=("no-resource", "issuer-root-slash"),
        legacy=True,
        dpop_key=Secret('{"kty": "OKP", "d": "dpop-key-0123456789"}'),
        grant="jwt_bearer",
        grant_settings=Secret('{"token_from": "env:TOKEN"}'),
        proxy=Secret("http://me:proxy-password-0123456789@proxy.example:3128"),
        ca_file="/etc/company/ca.pem",
    )
    return replace(filled, **more)  # type: ignore[arg-type]


def registration(issuer: str = "https://as.example") -> ClientCredentials:
    """Return a client with a value in every field."""
    return ClientCredentials(
        client_id="client-1",
        client_secret=Secret("client-secret-0123456789"),
        issuer=issuer,
        registration="dynamic",
        redirect_uris=("http://127.0.0.1:4711/callback", "http://localhost/callback"),
        token_endpoint_auth_method="client_secret_post",
        client_secret_expires_at=1_800_000_000,
        registration_client_uri="https://as.example/register/client-1",
        registration_access_token=Secret("registration-access-token-0123456789"),
        private_key=Secret("private-key-0123456789"),
        signing_alg="ES256",
        scope="mcp:tools",
    )


def opened(home: Path, create: bool = True) -> CredentialStore:
    store = open_store(home, create=create)
    assert store is not None
    return store


@pytest.fixture(params=["vault", "memory"])
def store(request: pytest.FixtureRequest, home: Path) -> CredentialStore:
    return opened(home) if request.param == "vault" else memory_store()
