"""Clients with exactly one flaw, and one without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from mcp_vacuum import AuthorizationRequest, OAuth2Client, SecureTokenStorage, SecurityAuditor, SecurityReport
from mcp_vacuum.safety.url import BrowserUrl
from mcp_vacuum.storage.opening import memory_store
from tests.audit.planted.active import HONEST
from tests.audit.seen_actively import Honest, seen_of


def client(**changes: Any) -> OAuth2Client:
    """Return a client that does everything right, but for `changes`."""
    settings: dict[str, Any] = {
        "client_id": "client",
        "token_endpoint": "https://as.example/token",
        "authorization_endpoint": "https://as.example/authorize",
        "redirect_uri": "http://127.0.0.1:8123/callback",
        **changes,
    }
    return OAuth2Client(**settings)


class Altered(OAuth2Client):
    """A client whose authorization URLs are changed on their way out."""

    changes: dict[str, str | None]

    def authorization_request(self) -> AuthorizationRequest:
        """Return a request with `changes` applied; None removes a parameter."""
        request = super().authorization_request()
        parts = urlsplit(request.url)
        query = {**dict(parse_qsl(parts.query)), **self.changes}
        kept = {name: value for name, value in query.items() if value is not None}
        return replace(request, url=BrowserUrl(urlunsplit(parts._replace(query=urlencode(kept)))))


def altered(**changes: str | None) -> OAuth2Client:
    """Return a client that sends `changes` in its authorization requests."""
    made = Altered(
        "client", "https://as.example/token", "https://as.example/authorize", "http://127.0.0.1/callback"
    )
    made.changes = changes
    return made


def found(report: SecurityReport) -> set[str]:
    """Return the rules that found something of medium severity or worse."""
    return {issue.partition(":")[0] for issue in report.issues}


def audit(target: Any) -> SecurityReport:
    """Audit a client."""
    return SecurityAuditor().audit_oauth_flow(target)


@pytest.fixture
def memory_storage() -> SecureTokenStorage:
    """Return a storage without files."""
    return SecureTokenStorage(store=memory_store())


@pytest.fixture
def vault_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecureTokenStorage:
    """Return a storage over a vault of its own, with a key file."""
    monkeypatch.setenv("MCP_VACUUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    return SecureTokenStorage()


@pytest.fixture(scope="session")
def honest() -> Honest:
    """What an active audit sees of an honest server, and what that server saw of it."""
    return seen_of(HONEST)
