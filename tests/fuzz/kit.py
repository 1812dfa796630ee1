"""What others may write: near misses of real documents, and anything at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

from mcp_vacuum.protocol.effects import HttpResponse

BOUND = 2.0
"""Seconds of this thread's own CPU time for one example: what grows faster than its input exceeds it."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
HEADER_TEXT = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=120)
URLS = st.sampled_from(
    (
        "https://as.example",
        "https://as.example/",
        "https://as.example/tenant",
        "http://as.example",
        "http://127.0.0.1:8000/x",
        "https://a@b.example",
        "https://[::1",
        "https://[::1]:99999/",
        "javascript:alert(1)",
        "https://as.example:x/",
        "//as.example",
        "",
        "https://as.example/%zz",
        "https://xn--/",
        "https://\u2126.example",
    )
) | st.text(max_size=40)
MEMBERS = st.sampled_from(
    (
        "issuer",
        "resource",
        "authorization_servers",
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "code_challenge_methods_supported",
        "scopes_supported",
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
        "client_id",
        "client_secret",
        "redirect_uris",
        "token_endpoint_auth_method",
        "client_secret_expires_at",
        "registration_client_uri",
        "registration_access_token",
        "error",
        "error_description",
        "device_code",
        "user_code",
        "verification_uri",
        "interval",
        "dpop_signing_alg_values_supported",
    )
)
DOCUMENTS = st.dictionaries(MEMBERS, JSON | URLS | st.lists(URLS, max_size=3), max_size=8)
PLAUSIBLE: dict[str, Any] = {
    "resource": "https://mcp.example/mcp",
    "authorization_servers": ["https://as.example"],
    "issuer": "https://as.example",
    "authorization_endpoint": "https://as.example/authorize",
    "token_endpoint": "https://as.example/token",
    "registration_endpoint": "https://as.example/register",
    "device_authorization_endpoint": "https://as.example/device",
    "code_challenge_methods_supported": ["S256"],
    "client_id": "c",
    "access_token": "t",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "r",
    "device_code": "d",
    "user_code": "ABCD",
    "verification_uri": "https://as.example/device",
}


def _bodies() -> st.SearchStrategy[bytes]:
    near = DOCUMENTS.map(lambda changed: json.dumps({**PLAUSIBLE, **changed}).encode())
    other = DOCUMENTS.map(lambda document: json.dumps(document).encode())
    odd = st.sampled_from(
        (b"", b"[]", b"null", b"{", b'{"a":' * 50, b"\xff\xfe{", b"<html>", b"\xef\xbb\xbf{}")
    )
    return near | other | odd | st.binary(max_size=60)


BODIES = _bodies()
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ("content-type", "www-authenticate", "location", "retry-after", "date", "dpop-nonce")
        ),
        HEADER_TEXT
        | URLS
        | st.sampled_from(("application/json", 'Bearer scope="a"', "Tue, 24 Nov 2026 05:00:00 GMT")),
    ),
    max_size=4,
).map(tuple)
STATUSES = st.sampled_from((200, 201, 204, 302, 307, 400, 401, 403, 404, 429, 500, 503)) | st.integers(
    100, 999
)


@st.composite
def responses(draw: st.DrawFn) -> HttpResponse:
    """Any answer at all, often nearly the right one."""
    return HttpResponse(
        "https://as.example/x",
        draw(STATUSES),
        draw(HEADERS),
        draw(BODIES),
        1_790_000_000.0,
        draw(st.floats(0, 9)),
    )


@contextmanager
def bounded() -> Iterator[None]:
    """Let one example take a bounded time; the time of this thread alone is counted."""
    before = time.thread_time()
    yield
    assert time.thread_time() - before < BOUND
