"""Servers with one flaw each in what they show to everybody: documents, keys, headers, pages, TLS."""

from __future__ import annotations

import json
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import anyio

from mcp_vacuum.audit.auditor import audit_server
from mcp_vacuum.audit.report import SecurityReport
from mcp_vacuum.audit.rule import Severity
from mcp_vacuum.lab import ABSENT, Lab, LabConfig
from mcp_vacuum.lab.messages import App, Request, Response, json_response, text_response
from tests.audit.front import Tls, fronted
from tests.audit.keys import EC_KEY, RSA_1024, RSA_KEY
from tests.audit.planted import Planted
from tests.audit.planted.server import flaw

Around = Callable[[Request, App], Response]
OPEN = LabConfig(require_login=False)
OPENID = LabConfig(metadata_form="openid")
LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
EVIL = "https://evil.example"


# --- what stands before the honest code -------------------------------------------------------------------


def adding(
    path: str, *headers: tuple[str, str], methods: tuple[str, ...] = ("GET", "POST", "OPTIONS")
) -> Around:
    """Add headers to the answers of a path."""

    def around(request: Request, app: App) -> Response:
        answer = app(request)
        if request.path != path or request.method not in methods:
            return answer
        return replace(answer, headers=(*answer.headers, *headers))

    return around


def instead(path: str, answer: Response) -> Around:
    """Answer GET of a path with this."""
    return lambda request, app: answer if (request.method, request.path) == ("GET", path) else app(request)


def without(*names: str) -> Around:
    """Hide request headers from the honest code, which then cannot check them."""

    def around(request: Request, app: App) -> Response:
        return app(replace(request, headers={k: v for k, v in request.headers.items() if k not in names}))

    return around


def challenging(header: str, *, bad_token: str | None = None, status: int = 401) -> Around:
    """Challenge with this header; another one, or another status, where a token comes."""

    def around(request: Request, app: App) -> Response:
        if request.path != "/mcp" or request.method != "POST":
            return app(request)
        token = "authorization" in request.headers
        chosen = bad_token if token and bad_token is not None else header
        return text_response(status if token else 401, headers=(("WWW-Authenticate", chosen),))

    return around


def metadata_again_different() -> Around:
    """Another document each time."""
    numbers = count(1)

    def around(request: Request, app: App) -> Response:
        answer = app(request)
        if "/oauth-protected-resource/" not in request.path:
            return answer
        return replace(
            answer, body=answer.body.replace(b'"resource_name"', b'"resource_name_%d"' % next(numbers))
        )

    return around


def another_issuer() -> Around:
    """The resource names a second authorization server, which is not there."""

    def around(request: Request, app: App) -> Response:
        answer = app(request)
        if "/oauth-protected-resource/" not in request.path:
            return answer
        document = json.loads(answer.body)
        (issuer,) = document["authorization_servers"]
        return json_response({**document, "authorization_servers": [issuer, f"{issuer}/other"]})

    return around


def two_documents(changes: dict[bytes, bytes]) -> Around:
    """The OpenID document is the OAuth one with these changes."""

    def around(request: Request, app: App) -> Response:
        if request.path != "/.well-known/openid-configuration":
            return app(request)
        answer = app(replace(request, path="/.well-known/oauth-authorization-server"))
        body = answer.body
        for old, new in changes.items():
            assert old in body
            body = body.replace(old, new)
        return replace(answer, body=body)

    return around


def keys(*published: dict[str, object]) -> Around:
    """These keys at `jwks_uri`."""
    return instead("/jwks", json_response({"keys": list(published)}))


def login_page(*headers: tuple[str, str], extra: str = "") -> Around:
    """A login page at the authorization endpoint, whoever asks."""
    page = f"<!doctype html><title>Log in</title>{extra}<form method=post><input type=password></form>"
    kind = ("Content-Type", "text/html; charset=utf-8")
    return instead("/authorize", Response(200, page.encode(), (kind, *headers)))


FRAME_SAFE = ("Content-Security-Policy", "frame-ancestors 'none'")
NO_REFERRER = ("Referrer-Policy", "no-referrer")
TRACE = 'Traceback (most recent call last):\n  File "/srv/app/main.py", line 7, in call\nKeyError: 1\n'


# --- over TLS ---------------------------------------------------------------------------------------------


def encrypted(which: str, tls: Tls) -> SecurityReport:
    """Audit a laboratory one of whose servers, ``authorization`` or ``mcp``, is behind TLS."""
    with Lab() as lab:
        plain = lab.issuer if which == "authorization" else lab.mcp_url.removesuffix("/mcp")
        with fronted(lab, plain, tls) as front:
            return anyio.run(audit_server, f"{front}/mcp" if which == "mcp" else lab.mcp_url)


def tls_flaw(
    rule: str,
    what: str,
    tls: Tls,
    *,
    severity: Severity | None = None,
    which: str = "authorization",
    must_also: tuple[str, ...] = (),
) -> Planted:
    """Return a server behind this TLS."""
    return Planted(rule, what, lambda: encrypted(which, tls), severity, frozenset(must_also))


OLD = Tls(minimum=ssl.TLSVersion.TLSv1, ciphers="ALL:@SECLEVEL=0")
NULL = Tls(ciphers="ECDHE+AESGCM:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
CBC = Tls(ciphers="ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA256")


# --- elsewhere --------------------------------------------------------------------------------------------


def reached_elsewhere(config: LabConfig | None = None) -> SecurityReport:
    """Audit a laboratory whose port answers at a second address of this machine, though still on loopback."""
    with Lab(config) as lab, socket.socket() as second:
        second.bind(("127.0.0.2", int(lab.mcp_url.rpartition(":")[2].partition("/")[0])))
        second.listen()
        return anyio.run(audit_server, lab.mcp_url)


PLANTED = (
    # the resource's metadata
    flaw("RS-META-01", "another document each time", around=metadata_again_different(), severity=MEDIUM),
    flaw(
        "RS-META-02",
        "a second issuer without metadata",
        around=another_issuer(),
        severity=MEDIUM,
        must_also=("AS-META-01",),
    ),
    flaw("RS-META-02", "an issuer without metadata", metadata_status=404, must_also=("AS-META-01",)),
    flaw(
        "RS-META-02",
        "the issuer lists other resources",
        metadata_override={"protected_resources": ["https://other.example/mcp"]},
        severity=LOW,
    ),
    flaw(
        "RS-META-05",
        "query",
        resource_metadata_override={"bearer_methods_supported": ["query"]},
        severity=HIGH,
    ),
    flaw(
        "RS-META-05",
        "body",
        resource_metadata_override={"bearer_methods_supported": ["header", "body"]},
        severity=LOW,
    ),
    flaw(
        "RS-META-06",
        "offline_access",
        resource_metadata_override={"scopes_supported": ["a", "offline_access"]},
    ),
    flaw("RS-META-06", "a wildcard", config=LabConfig(challenge_scopes=("mcp:*",))),
    flaw(
        "RS-META-06",
        "21 scopes",
        resource_metadata_override={"scopes_supported": [f"s{each}" for each in range(21)]},
        severity=LOW,
    ),
    # challenges
    flaw(
        "RS-CHAL-02",
        "scope twice",
        challenge=('Bearer scope="a", scope="b"',),
        severity=LOW,
        says="scope comes",
    ),
    flaw(
        "RS-CHAL-02",
        "what is no syntax",
        challenge=("Bearer scope=a, realm=@",),
        severity=LOW,
        says="realm=@",
    ),
    flaw(
        "RS-CHAL-03",
        "an error without a token",
        around=challenging('Bearer scope="a", error="invalid_token"'),
        severity=LOW,
    ),
    flaw("RS-CHAL-03", "400 for what is no token", around=challenging('Bearer scope="a"', status=400)),
    flaw("RS-CHAL-03", "no error for what is no token", around=challenging('Bearer scope="a"'), severity=LOW),
    # the authorization server's metadata
    flaw("AS-META-03", "no response types", metadata_override={"response_types_supported": ABSENT}),
    flaw("AS-META-03", "no token endpoint", metadata_override={"token_endpoint": ABSENT}),
    flaw("AS-META-03", "a relative endpoint", metadata_override={"token_endpoint": "/token"}),
    flaw(
        "AS-META-03",
        "a string for an array",
        metadata_override={"grant_types_supported": "authorization_code"},
    ),
    flaw("AS-META-03", "no entry", metadata_override={"response_types_supported": []}, says="no code"),
    flaw("AS-META-03", "an empty array", metadata_override={"ui_locales_supported": []}, severity=LOW),
    flaw(
        "AS-META-03",
        "assertions without algorithms",
        metadata_override={"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]},
    ),
    flaw("AS-META-04", "another token endpoint", around=two_documents({b'/token"': b'/v2/token"'})),
    flaw(
        "AS-META-04",
        "no revocation endpoint in one",
        around=two_documents({b'"revocation_endpoint"': b'"x_revocation"'}),
        severity=LOW,
    ),
    flaw(
        "AS-META-05", "a private key", config=OPENID, around=keys({**EC_KEY, "d": "AQAB"}), severity=CRITICAL
    ),
    flaw(
        "AS-META-05",
        "a symmetric key",
        config=OPENID,
        around=keys({"kty": "oct", "k": "AQAB", "use": "sig"}),
        severity=CRITICAL,
    ),
    flaw("AS-META-05", "1024 bits", config=OPENID, around=keys(RSA_1024)),
    flaw("AS-META-05", "an odd curve", config=OPENID, around=keys({**EC_KEY, "crv": "P-192"})),
    flaw("AS-META-05", "one kid for two keys", config=OPENID, around=keys(RSA_KEY, RSA_KEY), severity=MEDIUM),
    flaw("AS-META-05", "no keys", config=OPENID, around=instead("/jwks", text_response(404))),
    flaw(
        "AS-META-06",
        "password",
        metadata_override={"grant_types_supported": ["authorization_code", "password"]},
    ),
    flaw(
        "AS-META-06", "implicit", metadata_override={"response_types_supported": ["code", "id_token token"]}
    ),
    flaw(
        "AS-META-06", "none", metadata_override={"id_token_signing_alg_values_supported": ["RS256", "none"]}
    ),
    flaw(
        "AS-META-06",
        "shared secrets only",
        metadata_override={"token_endpoint_auth_methods_supported": ["client_secret_basic"]},
        severity=LOW,
    ),
    flaw(
        "AS-PKCE-02",
        "plain beside S256",
        metadata_override={"code_challenge_methods_supported": ["S256", "plain"]},
    ),
    flaw(
        "AS-DPOP-01",
        "a symmetric proof",
        metadata_override={"dpop_signing_alg_values_supported": ["ES256", "HS256"]},
    ),
    # the authorization endpoint
    flaw("AS-AUTHZ-09", "no frame protection", around=login_page(NO_REFERRER)),
    flaw(
        "AS-AUTHZ-09",
        "frames from anywhere",
        around=login_page(NO_REFERRER, ("Content-Security-Policy", "frame-ancestors *")),
    ),
    flaw("AS-AUTHZ-09", "no Referrer-Policy", around=login_page(FRAME_SAFE), severity=LOW),
    flaw(
        "AS-AUTHZ-09",
        "a script from elsewhere",
        around=login_page(FRAME_SAFE, NO_REFERRER, extra="<script src='https://cdn.example/x.js'></script>"),
        severity=LOW,
    ),
    flaw("AS-AUTHZ-10", "a wildcard", around=adding("/authorize", ("Access-Control-Allow-Origin", "*"))),
    flaw(
        "AS-AUTHZ-10",
        "in the preflight only",
        around=adding("/authorize", ("Access-Control-Allow-Origin", EVIL), methods=("OPTIONS",)),
    ),
    flaw(
        "AS-PROXY-02",
        "a bare cookie",
        around=adding("/authorize", ("Set-Cookie", "consent=yes; Path=/"), methods=("GET",)),
    ),
    # the MCP endpoint
    flaw("RS-HTTP-01", "any Origin", config=OPEN, around=without("origin")),
    flaw("RS-HTTP-01", "any Host", config=OPEN, around=without("host")),
    *(
        (
            Planted("RS-HTTP-02", "reached at another address", reached_elsewhere, MEDIUM),
            Planted("RS-HTTP-02", "the same without a login", lambda: reached_elsewhere(OPEN), HIGH),
        )
        if sys.platform == "linux"  # elsewhere 127.0.0.2 is no address of the machine's
        else ()
    ),
    flaw("RS-HTTP-02", "no token is asked for", config=OPEN, severity=LOW),
    flaw(
        "RS-HTTP-03",
        "any site, with cookies",
        around=adding(
            "/mcp", ("Access-Control-Allow-Origin", EVIL), ("Access-Control-Allow-Credentials", "true")
        ),
    ),
    flaw("RS-HTTP-03", "any site", around=adding("/mcp", ("Access-Control-Allow-Origin", "*")), severity=LOW),
    flaw(
        "RS-ERR-01",
        "a traceback",
        around=instead("/.well-known/openid-configuration", text_response(500, TRACE)),
    ),
    flaw(
        "RS-ERR-01",
        "a token in a header",
        around=adding("/mcp", ("X-Debug", f"eyJ{'a' * 20}.eyJ{'b' * 20}.c")),
    ),
    # TLS
    flaw(
        "AS-TLS-01", "a plain http endpoint", metadata_override={"token_endpoint": "http://as.example/token"}
    ),
    tls_flaw("AS-TLS-01", "served without TLS too", Tls(clear=True)),
    tls_flaw("AS-TLS-01", "no HSTS", Tls(hsts=False), severity=LOW),
    tls_flaw("AS-TLS-02", "TLS 1.0", OLD),
    tls_flaw("AS-TLS-02", "no encryption", NULL),
    tls_flaw("AS-TLS-02", "CBC", CBC, severity=LOW),
    tls_flaw("AS-TLS-02", "no TLS 1.3", Tls(maximum=ssl.TLSVersion.TLSv1_2), severity=LOW),
    tls_flaw("AS-TLS-03", "an unknown authority", Tls(trusted=False)),
    tls_flaw("AS-TLS-03", "another name", Tls(name="other.example")),
    tls_flaw("AS-TLS-03", "expired", Tls(days=-1)),
    tls_flaw("AS-TLS-03", "ends in a week", Tls(days=7), severity=LOW),
    tls_flaw("RS-TLS-01", "TLS 1.0", OLD, which="mcp", severity=HIGH),
    tls_flaw("RS-TLS-01", "served without TLS too", Tls(clear=True), which="mcp"),
    tls_flaw("RS-TLS-01", "expired", Tls(days=-1), which="mcp"),
)
