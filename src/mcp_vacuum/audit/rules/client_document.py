"""What the document says that a client's ID is the URL of: who the client is, and nothing secret."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_vacuum.audit.evidence.client import ClientEvidence
from mcp_vacuum.audit.evidence.client_document import LARGEST, ClientDocument
from mcp_vacuum.audit.evidence.flow import FlowEvidence
from mcp_vacuum.audit.evidence.server import Fetched
from mcp_vacuum.audit.evidence.wire import REDIRECTS
from mcp_vacuum.audit.keys import private_members
from mcp_vacuum.audit.provoked import not_run
from mcp_vacuum.audit.rule import (
    Finding,
    Kind,
    Level,
    NotChecked,
    Results,
    Rule,
    Severity,
    also,
    inconclusive,
    rule,
)
from mcp_vacuum.audit.rules.client_redirect import without_port
from mcp_vacuum.audit.rules.client_registration import NO_URL
from mcp_vacuum.safety.url import printable

_OFFERED = "LAB-18/cimd"
_SECRETS = ("client_secret", "client_secret_expires_at")


@dataclass(frozen=True, slots=True)
class _Use:
    """A document, and the redirect URIs that a client uses under its URL."""

    document: ClientDocument
    redirect_uris: tuple[str, ...]

    @property
    def where(self) -> str:
        return printable(self.document.url)


_Look = Callable[[_Use], Results]


@rule(
    id="CL-REG-03",
    title="CIMD document is valid and matches its URL",
    level=Level.MUST,
    severity=Severity.HIGH,
    sources=(
        "MCP client registration, Implementation Requirements",
        "Client ID Metadata Document draft 00 §4.1",
        "Client ID Metadata Document draft 01 §4 and §4.1",
    ),
    fix="fix the hosted document",
    kinds=(Kind.FLOW, Kind.CLIENT),
    bad='https://client.example/mcp.json: {"client_id": "https://client.example/mcp", …}',
    good='https://client.example/mcp.json: {"client_id": "https://client.example/mcp.json", '
    '"client_name": "…", "redirect_uris": ["http://127.0.0.1/callback"]}',
)
def document_is_valid(evidence: FlowEvidence) -> Results:
    """A server knows of the client what is in the document, and refuses a login that it does not cover."""
    yield from _of_configured(evidence, _invalid)


@also(document_is_valid, Kind.CLIENT)
def document_of_a_client_is_valid(evidence: ClientEvidence) -> Results:
    """A server knows of the client what is in the document, and refuses a login that it does not cover."""
    yield from _of_runs(evidence, _invalid)


@rule(
    id="CL-REG-04",
    title="CIMD document contains no shared secret",
    level=Level.MUST_NOT,
    severity=Severity.HIGH,
    sources=("Client ID Metadata Document draft 00 §4.1", "RFC 8252 §8.5"),
    fix="use none or private_key_jwt",
    kinds=(Kind.FLOW, Kind.CLIENT),
    bad='{"token_endpoint_auth_method": "client_secret_post", "client_secret": "…"}',
    good='{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://client.example/jwks.json"}',
)
def document_is_without_secret(evidence: FlowEvidence) -> Results:
    """Everybody can read the document: a secret or a private key in it makes everybody this client."""
    yield from _of_configured(evidence, _secret)


@also(document_is_without_secret, Kind.CLIENT)
def document_of_a_client_is_without_secret(evidence: ClientEvidence) -> Results:
    """Everybody can read the document: a secret or a private key in it makes everybody this client."""
    yield from _of_runs(evidence, _secret)


# --- whose document -----------------------------------------------------------------------------------------


def _of_configured(evidence: FlowEvidence, look: _Look) -> Results:
    if not evidence.document_url:
        yield NO_URL
        return
    asked = (sample.parameters.get("redirect_uri", "") for sample in evidence.samples)
    uris = tuple(dict.fromkeys(uri for uri in (evidence.redirect_uri, *asked) if uri))
    documents = (evidence.document,) if evidence.document else ()
    yield from _judged({evidence.document_url: uris}, documents, "fetch_metadata=True", look)


def _of_runs(evidence: ClientEvidence, look: _Look) -> Results:
    used: dict[str, tuple[str, ...]] = {}
    for url, uri in evidence.document_urls:
        used[url] = tuple(dict.fromkeys((*used.get(url, ()), uri)))
    if not used:
        yield from _unused(evidence)
    yield from _judged(used, evidence.documents, "--fetch-metadata", look)


def _unused(evidence: ClientEvidence) -> Results:
    """Say why there is no URL: it was not offered, or not reached, or the client wants none."""
    yield from not_run(evidence, _OFFERED)
    for run in evidence.of(_OFFERED):
        missed = f"INCONCLUSIVE: {run.scenario}: the client did not come as far as this"
        yield NO_URL if run.asks else NotChecked(missed)


def _judged(
    used: Mapping[str, tuple[str, ...]], documents: Iterable[ClientDocument], flag: str, look: _Look
) -> Results:
    """Look at the document of each URL; what was not fetched is not judged."""
    fetched = {document.url: document for document in documents}
    for url, redirect_uris in used.items():
        if url in fetched:
            yield from look(_Use(fetched[url], redirect_uris))
        elif fetched:
            yield NotChecked("INCONCLUSIVE: the client shows more URLs than were fetched")
        else:
            yield NotChecked(f"INCONCLUSIVE: the metadata document was not fetched: only {flag} does that")


# --- CL-REG-03 ----------------------------------------------------------------------------------------------


def _invalid(use: _Use) -> Results:
    """What is wrong with the answer; with the document; with what it says."""
    page = use.document.page
    if page.exchange.outcome == "oversized":
        yield _too_large(use, page.exchange.failure)
        return
    if wrong := _wrong_status(_answered(page)):
        yield Finding(use.where, wrong)
        return
    if (size := len(page.exchange.response.body if page.exchange.response else b"")) > LARGEST:
        yield _too_large(use, f"it has {size} bytes")
    if not _is_json(page.exchange.media_type):
        kind = printable(page.exchange.media_type, 60) or "missing"
        yield Finding(f"{use.where}, Content-Type", f"it is {kind}, not application/json", Severity.MEDIUM)
    if page.members is None:
        yield Finding(use.where, f"it is no metadata document: {page.problem}")
    else:
        yield from _wrong_members(use, page.members)


def _too_large(use: _Use, size: str) -> Finding:
    why = f"{size}, and servers read {LARGEST} of a metadata document"
    return Finding(use.where, why, Severity.MEDIUM)


def _wrong_status(page: Fetched) -> str:
    status = page.exchange.status
    if status in REDIRECTS:
        return f"it answers with {status}, a redirect, which no server may follow"
    return "" if status == 200 else f"it answers with {status}, not 200"


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _wrong_members(use: _Use, members: Mapping[str, Any]) -> Iterator[Finding]:
    if members.get("client_id") != use.document.url:
        why = "it is not the URL of the document, character for character"
        yield Finding(f"{use.where}, client_id", why)
    name = members.get("client_name")
    if not isinstance(name, str) or not name.strip():
        yield Finding(f"{use.where}, client_name", "it is missing, or no text")
    uris = use.document.page.words("redirect_uris")
    if not uris:
        yield Finding(f"{use.where}, redirect_uris", "it is missing, or no array of URIs")
        return
    covered = {without_port(uri) for uri in uris}
    for uri in use.redirect_uris:
        if without_port(uri) not in covered:
            why = f"{printable(uri)}, which the client uses, is not among them"
            yield Finding(f"{use.where}, redirect_uris", why)


# --- CL-REG-04 ----------------------------------------------------------------------------------------------


def _secret(use: _Use) -> Results:
    page = use.document.page
    if (members := _answered(page).members) is None:
        raise inconclusive(f"{use.where}: there is no metadata document: {page.problem}")
    for name in _SECRETS:
        if name in members:
            yield Finding(f"{use.where}, {name}", "there is a shared secret where everybody can read it")
    method = str(members.get("token_endpoint_auth_method", ""))
    if method.startswith("client_secret_"):
        why = f"{printable(method, 60)} needs a shared secret, and there can be none"
        yield Finding(f"{use.where}, token_endpoint_auth_method", why)
    yield from _keys(use, members, needed=method == "private_key_jwt")


def _keys(use: _Use, members: Mapping[str, Any], *, needed: bool) -> Results:
    """The keys in the document and those that it names: public ones, and some where they are needed."""
    if needed and "jwks" not in members and use.document.keys is None:
        why = "private_key_jwt needs jwks or jwks_uri, and there is neither"
        yield Finding(f"{use.where}, token_endpoint_auth_method", why)
    if "jwks" in members:
        yield from _key_set(f"{use.where}, jwks", members["jwks"], needed=needed)
    if use.document.keys is not None:
        keys = _answered(use.document.keys)
        yield from _key_set(f"{use.where}, jwks_uri", keys.members, needed=needed)


def _key_set(where: str, document: object, *, needed: bool) -> Iterator[Finding]:
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, Mapping) for key in keys):
        if needed:
            yield Finding(where, "private_key_jwt needs keys, and there are none")
        return
    for place, key in enumerate(keys, 1):
        if private := private_members(key):
            why = f"it is no public key: it has {', '.join(private)}"
            yield Finding(f"{where}, key {place}", why, Severity.CRITICAL)


def _answered(page: Fetched) -> Fetched:
    """Return what was answered.

    Raises:
        CannotTell: Nothing came, or nothing that says how it is on another day.
    """
    status = page.exchange.status
    if page.exchange.response is None or status == 429 or status >= 500:
        raise inconclusive(f"{printable(page.url)}: {printable(page.exchange.said)}")
    return page


RULES: tuple[Rule, ...] = (document_of_a_client_is_valid, document_of_a_client_is_without_secret)
