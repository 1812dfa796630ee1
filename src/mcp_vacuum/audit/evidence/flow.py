"""What is known about a configured client before any rule looks: all the I/O of the audit is here."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from mcp_vacuum.audit.evidence.client_document import ClientDocument, fetch_documents, is_document_url
from mcp_vacuum.errors import LoginDeclined, OAuthError, StorageError, VacuumError
from mcp_vacuum.models import OAuth2Token
from mcp_vacuum.safety.secret import Secret, readable_in
from mcp_vacuum.storage.envelope import credential_to_dict
from mcp_vacuum.storage.secure import BlockingTokenStorage

SAMPLES = 3
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "issuer")


@dataclass(frozen=True, slots=True)
class Sample:
    """One authorization request of the client, taken apart.

    Attributes:
        parameters: The query of its URL; the first value of each.
        doubled: Parameters that appear more than once.
        verifier: The PKCE verifier that the client keeps, if it shows one.
        accepts_wrong_state, accepts_no_state, accepts_other_uri: Whether the client's own check of the answer
            let such an answer pass; None if it has no check that could be tried.
    """

    parameters: dict[str, str]
    doubled: tuple[str, ...]
    verifier: Secret | None
    accepts_wrong_state: bool | None
    accepts_no_state: bool | None
    accepts_other_uri: bool | None


@dataclass(frozen=True, slots=True)
class StorageEvidence:
    """What became of two made-up tokens that were stored, looked for, and deleted again.

    Attributes:
        kind: The storage's class.
        key_source: Where the vault's key comes from.
        files: How many files were searched.
        plain_refresh, plain_access: Files in which the made-up token stands readable.
        access_in_record: The access token is part of what was sealed.
        lifetimes: Seconds that the newest access token of each stored login was given.
    """

    kind: str
    key_source: str
    files: int
    plain_refresh: tuple[str, ...]
    plain_access: tuple[str, ...]
    access_in_record: bool
    lifetimes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FlowEvidence:
    """Everything that the rules of `audit_oauth_flow` look at.

    Attributes:
        redirect_uri: As configured.
        samples: Several authorization requests; empty if the client makes none.
        storage: What was seen of its storage; a string says why nothing was.
        endpoints: Name and URL of each endpoint that it is configured with.
        client_id: As configured.
        document_url: Of its metadata document; empty if it is known by no URL.
        document: What is there; None if it was not fetched.
    """

    redirect_uri: str
    samples: tuple[Sample, ...]
    storage: StorageEvidence | str
    endpoints: tuple[tuple[str, str], ...] = ()
    client_id: str = ""
    document_url: str = ""
    document: ClientDocument | None = None


def collect(client: Any, *, fetch_metadata: bool = False) -> FlowEvidence:
    """Look at a configured `OAuth2Client`, or anything with its attributes.

    Nothing is sent, unless `fetch_metadata` asks for the metadata document that its client_id is the URL of.

    Raises:
        StorageError: Its storage cannot be used.
    """
    make = getattr(client, "authorization_request", None)
    samples = tuple(_sample(make()) for _ in range(SAMPLES)) if callable(make) else ()
    storage = getattr(client, "storage", None)
    document_url = _document_url(client)
    documents = fetch_documents([document_url] if fetch_metadata and document_url else [])
    return FlowEvidence(
        str(getattr(client, "redirect_uri", "")),
        samples,
        _look_at(storage),
        tuple((name, str(url)) for name in ENDPOINTS if (url := getattr(client, name, None))),
        str(getattr(client, "client_id", "")),
        document_url,
        next(iter(documents), None),
    )


def _document_url(client: Any) -> str:
    """Of the client_id, or of what stands in for it where a server takes metadata documents."""
    names = (str(getattr(client, name, None) or "") for name in ("client_id", "client_metadata_url"))
    return next(filter(is_document_url, names), "")


# --- the authorization request ----------------------------------------------------------------------------


def _sample(request: Any) -> Sample:
    url = str(getattr(request, "url", request))
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    parameters = {name: values[0] for name, values in query.items()}
    verifier = getattr(request, "verifier", None)
    state = parameters.get("state", "")
    uri = parameters.get("redirect_uri", "")
    return Sample(
        parameters,
        tuple(name for name, values in query.items() if len(values) > 1),
        verifier if isinstance(verifier, Secret) else None,
        accepts_wrong_state=_accepts(request, uri, state=f"{state[:-1]}{'A' if state[-1:] != 'A' else 'B'}"),
        accepts_no_state=_accepts(request, uri),
        accepts_other_uri=_accepts(request, f"{uri}/elsewhere", state=state),
    )


def _accepts(request: Any, redirect_uri: str, **answer: str) -> bool | None:
    """Offer a forged answer to the check that `exchange()` makes before it sends anything."""
    from mcp_vacuum.protocol.authorization import AuthorizationRequest, validate_callback

    if not isinstance(request, AuthorizationRequest):
        return None
    iss = {"iss": request.issuer} if request.issuer else {}
    forged = f"{redirect_uri}?{urlencode({'code': 'made-up', **iss, **answer})}"
    try:
        validate_callback(request, forged)
    except (LoginDeclined, OAuthError):
        return True
    except VacuumError:
        return False
    return True


# --- the storage ------------------------------------------------------------------------------------------


def _look_at(storage: Any) -> StorageEvidence | str:
    if storage is None:
        return "NOT_APPLICABLE: the client has no storage; nothing is kept"
    if not isinstance(storage, BlockingTokenStorage):
        return (
            f"INCONCLUSIVE: {type(storage).__name__} is not a storage of this package; it was not looked into"
        )
    return _try_out(storage)


def _try_out(storage: BlockingTokenStorage) -> StorageEvidence:
    """Store a made-up token, search every file of the store for it, and delete it again."""
    name = f"mcp-vacuum-audit:{secrets.token_hex(8)}"
    token = OAuth2Token(secrets.token_urlsafe(32), refresh_token=secrets.token_urlsafe(32))
    lifetimes = tuple(login.lifetime for login in storage.store.logins() if login.lifetime)
    storage.put_token(name, token)
    try:
        record = storage.store.get(name)
        if record is None:
            raise StorageError("the storage forgot a record at once")
        sealed = json.dumps(credential_to_dict(record))
        found = dict(_files(storage.store.location))
    finally:
        storage.drop_token(name)
    return StorageEvidence(
        type(storage).__name__,
        storage.store.key_source,
        len(found),
        tuple(path for path, content in found.items() if readable_in(content, token.refresh_token or "")),
        tuple(path for path, content in found.items() if readable_in(content, token.access_token)),
        token.access_token in sealed,
        lifetimes,
    )


def _files(location: str) -> Iterator[tuple[str, bytes]]:
    """Every file beside the vault, and the vault; a store in memory has none."""
    kind, _, place = location.partition(":")
    if kind != "vault":
        return
    path = Path(place)
    if not path.exists():
        raise StorageError(f"the vault {path} is not where it says")
    for file in sorted(path.parent.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield file.name, file.read_bytes()
