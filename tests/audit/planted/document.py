"""Clients that are known by the URL of a metadata document, with one flaw in it or in how it is hosted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from mcp_vacuum import OAuth2Client, SecurityAuditor
from mcp_vacuum.audit.clients import ClientOptions, audit_client
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.lab import Lab
from mcp_vacuum.lab.messages import App, Request, Response
from tests.audit.front import Tls, fronted
from tests.audit.planted import Planted
from tests.audit.planted.client import command

HONEST = {
    "client_name": "a client of a test",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "token_endpoint_auth_method": "none",
}
PUBLIC_KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "1", "use": "sig"}
PRIVATE_KEY = {**PUBLIC_KEY, "d": "the-private-half"}
SIGNED = {"token_endpoint_auth_method": "private_key_jwt"}


@contextmanager
def hosted(
    members: dict[str, Any] | None = None,
    answer: dict[str, Any] | None = None,
    keys: list[dict[str, Any]] | None = None,
) -> Iterator[str]:
    """Host a document on this machine; yields its https URL.

    Args:
        members: Beside or instead of those of `HONEST`; None drops one.
        answer: Fields of the answer that are not as they should be.
        keys: What a `jwks_uri` in it gives; without it there is none.
    """
    with Lab() as lab, fronted(lab, lab.issuer, Tls()) as here:
        named = {} if keys is None else {"jwks_uri": lab.serve_client_metadata({"keys": keys})}
        wanted = {**HONEST, **named, **(members or {})}
        url = lab.serve_client_metadata({name: each for name, each in wanted.items() if each is not None})
        path, honest = urlsplit(url).path, lab.faults.around
        assert honest is not None

        def around(request: Request, app: App) -> Response:
            response = honest(request, app)
            return replace(response, **(answer or {})) if request.path == path else response

        lab.faults.around = around
        yield here + path


def configured(url: str, *, fetch_metadata: bool = True) -> SecurityReport:
    """Audit a configured client that is known by this URL."""
    endpoints = ("https://as.example/token", "https://as.example/authorize")
    client = OAuth2Client(url, *endpoints, "http://127.0.0.1:8123/callback")
    return SecurityAuditor().audit_oauth_flow(client, fetch_metadata=fetch_metadata)


def run(url: str, *, fetch_metadata: bool = True) -> SecurityReport:
    """Run a client that is known by this URL, where the server takes such."""
    options = ClientOptions(("LAB-18/cimd",), timeout=10, fetch_metadata=fetch_metadata)
    return audit_client([*command("metadata-document"), url], options)


def flaw(
    rule: str,
    what: str,
    *,
    severity: Severity | None = None,
    says: str = "",
    by_run: bool = False,
    **host: Any,
) -> Planted:
    """Return a client with this flaw: a configured one, or one that is run."""

    def audit() -> SecurityReport:
        with hosted(**host) as url:
            return run(url) if by_run else configured(url)

    return Planted(rule, what, audit, severity, says=says, long=by_run)


PLANTED = (
    flaw("CL-REG-03", "not found", answer={"status": 404}, says="404"),
    flaw(
        "CL-REG-03",
        "a redirect",
        answer={"status": 302, "headers": (("Location", "https://localhost/"),)},
        says="a redirect",
    ),
    flaw("CL-REG-03", "a page", answer={"body": b"<html></html>"}, says="not JSON"),
    flaw("CL-REG-03", "served as text", answer={"headers": ()}, severity=Severity.MEDIUM),
    flaw("CL-REG-03", "6 kB", members={"padding": "x" * 6000}, severity=Severity.MEDIUM),
    flaw("CL-REG-03", "60 kB", members={"padding": "x" * 60_000}, severity=Severity.MEDIUM),
    flaw("CL-REG-03", "another URL", members={"client_id": "https://localhost/other.json"}, says="client_id"),
    flaw("CL-REG-03", "no name", members={"client_name": None}, says="client_name"),
    flaw("CL-REG-03", "no redirect URIs", members={"redirect_uris": None}, says="redirect_uris"),
    flaw(
        "CL-REG-03",
        "other redirect URIs",
        members={"redirect_uris": ["http://127.0.0.1/elsewhere"]},
        says="which the client uses",
    ),
    flaw(
        "CL-REG-03",
        "other redirect URIs, seen in a run",
        members={"redirect_uris": ["http://127.0.0.1/elsewhere"]},
        by_run=True,
    ),
    flaw("CL-REG-04", "a secret", members={"client_secret": "s3cret"}, says="client_secret"),
    flaw("CL-REG-04", "the end of a secret", members={"client_secret_expires_at": 0}, says="expires_at"),
    flaw("CL-REG-04", "a secret's method", members={"token_endpoint_auth_method": "client_secret_post"}),
    flaw("CL-REG-04", "no keys", members=SIGNED, says="neither"),
    flaw("CL-REG-04", "an empty key set", members=SIGNED, keys=[], says="there are none"),
    flaw(
        "CL-REG-04",
        "a private key",
        members={**SIGNED, "jwks": {"keys": [PRIVATE_KEY]}},
        severity=Severity.CRITICAL,
    ),
    flaw(
        "CL-REG-04",
        "a private key behind jwks_uri",
        members=SIGNED,
        keys=[PUBLIC_KEY, PRIVATE_KEY],
        severity=Severity.CRITICAL,
        says="key 2",
    ),
    flaw("CL-REG-04", "a secret, seen in a run", members={"client_secret": "s3cret"}, by_run=True),
)
