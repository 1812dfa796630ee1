"""Whatever a server answers, what comes out is a value or an error of this package, soon."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from mcp_vacuum.errors import VacuumError
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.authorization import acceptor, authorization_request, validate_callback
from mcp_vacuum.protocol.challenge import bearer_hints, parse_challenges
from mcp_vacuum.protocol.discovery import check_server_metadata
from mcp_vacuum.protocol.documents import (
    AuthorizationServerMetadata,
    DeviceResponse,
    ProtectedResourceMetadata,
    RegistrationResponse,
    TokenResponse,
    read_document,
    read_error,
)
from mcp_vacuum.protocol.effects import HttpResponse
from mcp_vacuum.protocol.registration import read_deletion, read_managed, read_registration
from mcp_vacuum.protocol.revocation import revocation_refusal
from mcp_vacuum.protocol.token import Granted, as_error, read_token_answer
from mcp_vacuum.safety.limits import NotADocument, load_document
from mcp_vacuum.safety.secret import Secret
from tests.fuzz.kit import BODIES, HEADER_TEXT, bounded, responses

CALLBACK = "http://127.0.0.1:4711/callback"
_CHALLENGE_WORDS = st.sampled_from(
    (
        "Bearer",
        "Basic",
        "DPoP",
        " ",
        ",",
        "=",
        '"',
        "\\",
        "scope",
        "error",
        "resource_metadata",
        "a",
        "\t",
        "==",
        '\\"',
    )
)


@given(st.lists(HEADER_TEXT | st.lists(_CHALLENGE_WORDS, max_size=40).map("".join), max_size=4))
@example(['Bearer a="' + "\\" * 8000])
@example(["Bearer " + "a=" * 4000])
@example(["a" * 8192])
@example(["," * 8192])
def test_challenges(lines: list[str]) -> None:
    with bounded():
        hints = bearer_hints(lines)
        known = {challenge.scheme for challenge in parse_challenges(lines)}
    assert hints is None or {"bearer", "dpop"} & known


@given(st.binary(max_size=200) | BODIES)
@example(b"[" * 100_000)
@example(b'"' * 100_000)
@example(b'{"a":"' + b"\\" * 100_000)
@example(b'{"a": 1e999999}')
@example(b'{"a": ' + b"9" * 5000 + b"}")
@example(b'{"\\ud800": 1}')
@example(b"\xef\xbb\xbf{}")
def test_documents(body: bytes) -> None:
    with bounded(), suppress(NotADocument):
        assert isinstance(load_document(body), dict)


@given(
    BODIES,
    st.sampled_from(
        (
            AuthorizationServerMetadata,
            ProtectedResourceMetadata,
            RegistrationResponse,
            TokenResponse,
            DeviceResponse,
        )
    ),
)
def test_models(body: bytes, model: type[TokenResponse]) -> None:
    with bounded(), suppress(NotADocument):
        read_document(model, body)


@given(BODIES, st.sampled_from(("https://as.example", "https://as.example/tenant")))
def test_server_metadata(body: bytes, issuer: str) -> None:
    with bounded(), suppress(NotADocument, VacuumError):
        server = check_server_metadata(read_document(AuthorizationServerMetadata, body), issuer)
        assert server.issuer.rstrip("/") == issuer
        assert server.token_endpoint.startswith(
            ("https://", "http://127.0.0.1", "http://localhost", "http://[")
        )


@given(responses())
@example(
    HttpResponse(
        "https://as.example",
        400,
        (("date", "Mon, 99 Foo 99999999999 99:99:99 +9999"),),
        b'{"error":"x"}',
        0.0,
    )
)
@example(
    HttpResponse(
        "https://as.example", 400, (("date", "0 Jan 0000 00:00:00"),), b'{"error":"invalid_grant"}', 0.0
    )
)
@example(HttpResponse("https://as.example", 429, (("retry-after", "\u0663"),), b"", 0.0))
def test_token_answers(response: HttpResponse) -> None:
    """Nothing is raised for what a server may say, and no token is shown."""
    with bounded():
        answer = read_token_answer(response)
        if isinstance(answer, Granted):
            assert answer.token.expires_in > 0
            assert answer.token.access_token.isprintable()
            assert answer.token.expires_at > 0
        else:
            shown = as_error(answer)
            assert all(text is None or text.isprintable() for text in (shown.message, shown.hint))


@given(responses())
def test_errors(response: HttpResponse) -> None:
    with bounded():
        read_error(response)
        refusal = revocation_refusal(response)
        deletion = read_deletion(response)
    assert all(text is None or text.isprintable() for text in (refusal, deletion.because))


@given(responses())
def test_registrations(response: HttpResponse) -> None:
    with bounded(), suppress(VacuumError):
        client = read_registration(response, issuer="https://as.example", redirect_uris=(CALLBACK,))
        assert client.redirect_uris == (CALLBACK,)
        assert client.token_endpoint_auth_method in ("none", "client_secret_basic", "client_secret_post")
    with bounded(), suppress(VacuumError):
        assert (
            read_managed(response, ClientCredentials(client_id="c", redirect_uris=(CALLBACK,))).client_id
            == "c"
        )


_PAIRS = st.lists(
    st.tuples(
        st.sampled_from(("code", "state", "iss", "error", "error_description", "x")),
        st.sampled_from(("s3cret-state", "https://as.example", "https://x.example", "", "ok"))
        | st.text(max_size=20),
    ),
    max_size=6,
)


@given(
    _PAIRS.map(urlencode) | st.text(max_size=80),
    st.sampled_from((CALLBACK, "http://127.0.0.1:4711/other", "")),
    st.booleans(),
)
@example("state=s3cret-state&code=%00", CALLBACK, False)
@example("&" * 5000, CALLBACK, False)
@example("state=s3cret-state;state=x&code=a", CALLBACK, False)
@example("state=%FF%FE&code=a", CALLBACK, True)
def test_callbacks(query: str, uri: str, iss_required: bool) -> None:
    """A code comes out only of an answer with this login's state, from its issuer."""
    request = authorization_request(
        "https://as.example/authorize",
        client_id="c",
        redirect_uri=CALLBACK,
        state=Secret("s3cret-state"),
        verifier=Secret("v" * 43),
        issuer="https://as.example",
        iss_required=iss_required,
    )
    url = f"{uri}?{query}"
    with bounded(), suppress(VacuumError):
        accepted = acceptor(request)(url)
        code = validate_callback(request, url)
        assert accepted
        assert uri == CALLBACK
        assert "s3cret-state" in query
        assert not iss_required or "as.example" in query
        assert code.reveal().isprintable()
