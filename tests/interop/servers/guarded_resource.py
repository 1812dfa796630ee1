"""A small MCP server in front of any authorization server (--issuer), with metadata of RFC 9728.

With --introspect URL --as ID:SECRET it asks there about each token, and for whom it is (RFC 7662). With
--dpop it takes JWTs of the issuer that are bound to a key, each with a fresh proof and a nonce of its own
(RFC 9449 §7, §9), and verifies both with PyJWT.
"""

import argparse
import base64
import hashlib
import json
import secrets
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

from .lifeline import die_with_parent

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
WELL_KNOWN = "/.well-known/oauth-protected-resource/mcp"


class RefusedError(Exception):
    """Why a request is not let in: the `error` of its challenge."""


class Guard:
    """Decides who may in."""

    def __init__(self, options: argparse.Namespace, url: str) -> None:
        self.issuer: str = options.issuer
        self.scope: str = options.scope
        self.dpop: bool = options.dpop
        self.introspect: str = options.introspect
        self.name: str = options.name
        self.url = url
        self.nonce = secrets.token_urlsafe(16)
        self.seen: set[str] = set()

    def metadata(self) -> dict[str, Any]:
        return {
            "resource": self.url,
            "authorization_servers": [self.issuer],
            "scopes_supported": [self.scope],
            "dpop_bound_access_tokens_required": self.dpop,
        }

    def challenge(self, error: str) -> str:
        where = self.url.replace("/mcp", WELL_KNOWN)
        named = f'error="{error}", ' if error else ""
        algorithms = 'algs="ES256 EdDSA", ' if self.dpop else ""
        scheme = "DPoP" if self.dpop else "Bearer"
        return f'{scheme} {named}{algorithms}resource_metadata="{where}", scope="{self.scope}"'

    def let_in(self, method: str, headers: Mapping[str, str]) -> None:
        """Return, or say why not.

        Raises:
            RefusedError: Always for a reason of RFC 6750 or RFC 9449.
        """
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme != ("DPoP" if self.dpop else "Bearer") or not token:
            raise RefusedError("")
        if self.dpop:
            self._check_bound(method, token, headers.get("DPoP", ""))
        else:
            self._ask(token)

    def _ask(self, token: str) -> None:
        form = urllib.parse.urlencode({"token": token}).encode()
        headers = {"Authorization": f"Basic {base64.b64encode(self.name.encode()).decode()}"}
        told = json.load(OPENER.open(urllib.request.Request(self.introspect, form, headers)))
        for_whom = told.get("aud", [])
        if not told["active"] or self.url not in ([for_whom] if isinstance(for_whom, str) else for_whom):
            raise RefusedError("invalid_token")

    def _check_bound(self, method: str, token: str, proof: str) -> None:
        try:
            claims = jwt.decode(token, self._key_of(token), ["RS256"], audience=self.url, issuer=self.issuer)
            head = jwt.get_unverified_header(proof)
            key = jwt.PyJWK(head["jwk"], algorithm="ES256")
            proven = jwt.decode(proof, key, ["ES256"], options={"require": ["jti", "iat"]})
        except (jwt.PyJWTError, KeyError, StopIteration):
            raise RefusedError("invalid_token") from None
        if proven.get("nonce") != self.nonce:
            raise RefusedError("use_dpop_nonce")
        good = (
            head["typ"] == "dpop+jwt"
            and (proven["htm"], proven["htu"]) == (method, self.url)
            and proven["ath"] == digest(token)
            and claims["cnf"]["jkt"] == thumbprint(head["jwk"])
            and proven["jti"] not in self.seen
        )
        self.seen.add(proven["jti"])
        if not good:
            raise RefusedError("invalid_dpop_proof")

    def _key_of(self, token: str) -> jwt.PyJWK:
        keys = json.load(OPENER.open(f"{self.issuer}/jwks"))["keys"]
        wanted = jwt.get_unverified_header(token)["kid"]
        return jwt.PyJWK(next(key for key in keys if key["kid"] == wanted))


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638 of an EC key."""
    return digest(json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":")))


def answer(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the MCP server says; None to a notification."""
    if "id" not in message:
        return None
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "guarded", "version": "0"},
        },
        "tools/list": {"tools": [{"name": "ping", "inputSchema": {"type": "object"}}]},
    }
    said = {"jsonrpc": "2.0", "id": message["id"]}
    if message.get("method") in results:
        return {**said, "result": results[message["method"]]}
    return {**said, "error": {"code": -32601, "message": "no such method"}}


class Handler(BaseHTTPRequestHandler):
    guard: Guard
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == WELL_KNOWN:
            return self._send(200, self.guard.metadata())
        return self._guarded(None)

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._guarded(message)

    def _guarded(self, message: Mapping[str, Any] | None) -> None:
        try:
            self.guard.let_in(self.command, dict(self.headers))
        except RefusedError as refused:
            error = str(refused)
            return self._send(401, {"error": error}, {"WWW-Authenticate": self.guard.challenge(error)})
        if message is None:
            return self._send(405, None)
        said = answer(message)
        return self._send(200 if said else 202, said)

    def _send(self, status: int, document: object, headers: Mapping[str, str] | None = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        nonce = {"DPoP-Nonce": self.guard.nonce} if self.guard.dpop else {}
        for name, value in {**(headers or {}), **nonce, "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--scope", required=True)
    parser.add_argument("--dpop", action="store_true")
    parser.add_argument("--introspect", default="")
    parser.add_argument("--as", dest="name", default="")
    options = parser.parse_args()
    die_with_parent()
    Handler.guard = Guard(options, f"http://127.0.0.1:{options.port}/mcp")
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
