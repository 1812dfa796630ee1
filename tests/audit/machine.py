"""A person's machine in a scratch directory: a home, a vault with one honest login, a keyring in memory."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keyring

from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.store import audit_store
from mcp_vacuum.models import ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.opening import open_store
from tests.storage.conftest import FakeKeyring

SERVER = "https://mcp.example/mcp"
ISSUER = "https://as.example"
CANARY = "canary"
"""Part of every secret that is planted."""
DAY = 24 * 3600


def secret(words: str = "") -> str:
    """Return a new strong secret that can be told to be planted."""
    return f"{CANARY}{words}-{secrets.token_urlsafe(32)}"


def jwt(algorithm: str = "RS256", **claims: Any) -> str:
    """Return an unsigned JWT with these claims, an hour long if they do not say otherwise."""
    now = int(time.time())
    body = {"iat": now, "exp": now + 3600, "jti": secret(), **claims}
    parts = ({"alg": algorithm}, {name: value for name, value in body.items() if value is not None})
    return ".".join(_encoded(json.dumps(part).encode()) for part in parts) + f".{_encoded(b'signature')}"


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


def client(**changes: Any) -> ClientCredentials:
    """Return an honest public client."""
    honest = ClientCredentials(
        client_id="client-1",
        issuer=ISSUER,
        registration="dynamic",
        redirect_uris=("http://127.0.0.1/callback",),
    )
    return replace(honest, **changes)


def credential(**changes: Any) -> Credential:
    """Return an honest login, made a minute ago."""
    now = time.time() - 60
    honest = Credential(
        server=SERVER,
        resource=SERVER,
        issuer=ISSUER,
        token_endpoint=f"{ISSUER}/token",
        revocation_endpoint=f"{ISSUER}/revoke",
        client=client(),
        redirect_uri="http://127.0.0.1:4711/callback",
        scope_asked="mcp:tools",
        scope="mcp:tools",
        refresh_token=Secret(secret()),
        created_at=now,
        expires_at=now + 3600,
        lifetime=3600,
        generation=1,
        reach="public",
    )
    return replace(honest, **changes)


@dataclass
class Machine:
    """What a test plants in."""

    person: Path
    keyring: FakeKeyring

    @property
    def state(self) -> Path:
        return self.person / ".local" / "share" / "mcp-vacuum"

    def store(self) -> CredentialStore:
        """Open the vault; make it if there is none."""
        opened = open_store(self.state)
        assert opened is not None
        return opened

    def log_in(self, **changes: Any) -> None:
        """Keep a login, honest but for this."""
        store, login = self.store(), credential(**changes)
        store.put(login, 0)
        if login.client and login.client.issuer:
            store.put_registration(login.client)
        store.close()

    def write(self, path: str, content: object, mode: int = 0o600, age: float = 0) -> Path:
        """Write a file under the home."""
        file = self.person / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
        file.chmod(mode)
        os.utime(file, (time.time() - age,) * 2)
        return file

    def audit(self, **options: Any) -> SecurityReport:
        return audit_store(self.state, person=self.person, environ={}, **options)


@contextmanager
def machine() -> Iterator[Machine]:
    """Have a machine, with nothing on it."""
    before, fake = keyring.get_keyring(), FakeKeyring()
    keyring.set_keyring(fake)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MCP_VACUUM_KEY")}
    try:
        with tempfile.TemporaryDirectory() as directory, patch.dict(os.environ, clean, clear=True):
            person = Path(directory).resolve() / "person"
            person.mkdir(mode=0o755)
            yield Machine(person, fake)
    finally:
        keyring.set_keyring(before)


def audited(plant: Callable[[Machine], object] = lambda each: None, *, honest: bool = True) -> SecurityReport:
    """Audit a machine with this flaw; with one honest login unless the flaw makes its own."""
    with machine() as each:
        if honest:
            each.log_in()
        plant(each)
        return each.audit()
