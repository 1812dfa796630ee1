"""How a client is known to a server, and how it proves to be that client."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from mcp_vacuum.audit.evidence.client import (
    ClientEvidence,
    Run,
    document_of,
    first,
    form_of,
    query_of,
    sent_header,
)
from mcp_vacuum.audit.evidence.client_document import is_document_url
from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.exchange import Exchange
from mcp_vacuum.audit.provoked import finding
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    also,
    planned,
    rule,
)
from mcp_vacuum.safety.address import is_loopback_host

NO_URL = NotChecked("NOT_APPLICABLE: the client_id is no URL of a metadata document")
_NO_REGISTRATION = NotChecked("INCONCLUSIVE: the client registered nowhere")


@rule(
    id="CL-REG-02",
    title="CIMD client_id URL is well formed",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP client registration, Implementation Requirements",
        "Client ID Metadata Document draft 00 §3",
    ),
    fix="host at a stable https URL with a path",
    kinds=(Kind.FLOW, Kind.CLIENT, Kind.CONFIG),
    because="it is part of `audit config`",
    bad="client_id=https://client.example",
    good="client_id=https://client.example/mcp.json",
)
def metadata_url_is_well_formed(evidence: FlowEvidence) -> Results:
    """The URL is the client's name: in two spellings it is two clients."""
    if not is_document_url(evidence.client_id):
        yield NO_URL
    elif wrong := _malformed(evidence.client_id):
        yield Finding("client_id", *wrong)


@also(metadata_url_is_well_formed, Kind.CLIENT, because="it is part of `audit config`")
def metadata_url_of_a_client(evidence: ClientEvidence) -> Results:
    """The URL is the client's name: in two spellings it is two clients."""
    urls = [(run, ask) for run, ask in evidence.asks if is_document_url(ask.get("client_id"))]
    if not urls:
        yield NO_URL
    for run, ask in urls:
        if wrong := _malformed(ask.get("client_id")):
            yield finding(run, f"client_id: {wrong[0]}", ask, wrong[1])
            return


def _malformed(url: str) -> tuple[str, Severity | None] | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is no URL", None
    if parts.scheme != "https":
        return "it is not https", None
    if parts.path in ("", "/") or {".", ".."} & set(parts.path.split("/")):
        return "it has no path, or one with dot segments", None
    if parts.fragment or parts.username is not None:
        return "it has a fragment or a user name", None
    return ("it has a query", Severity.LOW) if parts.query else None


@rule(
    id="CL-REG-05",
    title="DCR sends application_type that fits its redirect URIs",
    level=Level.MUST,
    severity=Severity.MEDIUM,
    sources=(
        "MCP client registration, Application Type and Redirect URI Constraints",
        "OpenID Connect Registration §2",
        "MCP conformance suite, sep-837",
    ),
    fix="add application_type",
    kinds=(Kind.CLIENT,),
    bad='{"redirect_uris": ["http://127.0.0.1:8123/callback"]}',
    good='{"redirect_uris": ["http://127.0.0.1:8123/callback"], "application_type": "native"}',
)
def application_type_fits(evidence: ClientEvidence) -> Results:
    """Without it a server takes the client for a web application, and may refuse its loopback redirect."""
    seen = [(run, each, document_of(each)) for run in evidence.runs for each in run.registrations]
    if not seen:
        yield _NO_REGISTRATION
    for run, each, document in seen:
        if wrong := _unfit(document):
            yield finding(run, f"registration request: {wrong}", each)
            return


def _unfit(document: Mapping[str, Any]) -> str:
    uris = document.get("redirect_uris")
    native = any(_is_native(str(uri)) for uri in (uris if isinstance(uris, list) else []))
    wanted, given = "native" if native else "web", document.get("application_type")
    if given is None:
        return "there is no application_type"
    return "" if given == wanted else f"application_type is not {wanted}, which its redirect URIs are"


def _is_native(uri: str) -> bool:
    """Loopback, or a private-use scheme."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme not in ("http", "https") or is_loopback_host(host)


cl_reg_09 = planned(
    id="CL-REG-09",
    title="No shared secret embedded in a distributed client",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("RFC 8252 §8.5", "OAuth 2.1 §8.1.1", "RFC 6819 §5.3.1"),
    fix="use a public client with PKCE",
    kinds=(Kind.CONFIG,),
    because="it is part of `audit config`",
)


@rule(
    id="CL-AUTH-01",
    title="One supported authentication method per request, never in URL",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=(
        "OAuth 2.1 §2.4 and §2.4.1",
        "RFC 6749 §2.3.1",
        "MCP conformance suite, token-endpoint-auth-method",
    ),
    fix="pick one method from metadata and registration",
    kinds=(Kind.CLIENT,),
    bad="POST /token?client_secret=…",
    good="Authorization: Basic …, and no client_secret in the form, as registered",
)
def one_way_of_authentication(evidence: ClientEvidence) -> Results:
    """A secret that is sent twice, or in a URL, is in two places where it can be read."""
    for run in evidence.runs:
        for each in run.token_requests:
            if wrong := _wrong_way(run, each):
                yield finding(run, f"token request: {wrong}", each)
                return
    if not any(run.token_requests for run in evidence.runs):
        yield NotChecked("INCONCLUSIVE: no token request was seen")
    for variant in ("basic", "post"):
        runs = evidence.of(f"LAB-32/{variant}")
        if not any(run.token_requests for run in runs):
            yield NotChecked(f"INCONCLUSIVE: no client_secret_{variant} was seen")


def _wrong_way(run: Run, each: Exchange) -> str:
    form = form_of(each)
    if {"client_secret", "client_assertion"} & set(query_of(each)):
        return "a secret is in the URL"
    used = [
        *(["client_secret_basic"] if sent_header(each, "authorization").lower().startswith("basic ") else []),
        *(["client_secret_post"] if "client_secret" in form else []),
        *(["private_key_jwt"] if "client_assertion" in form else []),
    ]
    if len(used) > 1:
        return f"two ways of authentication at once: {' and '.join(used)}"
    registered = _registered_method(run, each)
    given = used[0] if used else "none"
    return f"{given} is used, but {registered} is registered" if registered not in ("", given) else ""


def _registered_method(run: Run, each: Exchange) -> str:
    """The method that the server answered for this client; empty if it is not known."""
    for registration in run.registrations:
        try:
            answer = json.loads(registration.response.body if registration.response else b"")
        except ValueError:
            continue
        if isinstance(answer, dict) and answer.get("client_id") in (_client_of(each), None):
            return str(answer.get("token_endpoint_auth_method", ""))
    return ""


def _client_of(each: Exchange) -> str:
    scheme, _, value = sent_header(each, "authorization").partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            return unquote_plus(b64decode(value).decode().partition(":")[0])
    return first(form_of(each), "client_id")


RULES: tuple[Rule, ...] = (
    metadata_url_of_a_client,
    application_type_fits,
    cl_reg_09,
    one_way_of_authentication,
)
