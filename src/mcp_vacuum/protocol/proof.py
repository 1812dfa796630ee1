"""What makes a token request ours: a client assertion, and a DPoP proof that follows the server's nonces."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from mcp_vacuum.errors import AuthenticationError
from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.assertion import CLIENT_ASSERTION_TYPE, client_assertion
from mcp_vacuum.protocol.client_auth import SIGNED_METHODS
from mcp_vacuum.protocol.documents import read_error
from mcp_vacuum.protocol.effects import Flow, HttpRequest, HttpResponse, moment, send
from mcp_vacuum.safety.url import origin

if TYPE_CHECKING:
    from mcp_vacuum.protocol.dpop import ProofKey


@dataclass(slots=True)
class Prover:
    """A DPoP key and the newest nonce of each server that it talks to (RFC 9449 §8.2)."""

    key: ProofKey
    nonces: dict[str, str] = field(default_factory=dict)

    @classmethod
    def generate(cls, algorithms: tuple[str, ...] | None) -> Prover:
        """Make a prover with a new key, for a server that lists `algorithms`; see `ProofKey.generate`."""
        from mcp_vacuum.protocol.dpop import ProofKey

        return cls(ProofKey.generate(algorithms))

    def headers(self, method: str, url: str, *, iat: int, jti: str, access_token: str | None = None) -> str:
        """Return the value of the `DPoP` header for one request."""
        nonce = self.nonces.get(origin(url))
        return self.key.proof(method, url, iat=iat, jti=jti, nonce=nonce, access_token=access_token)

    def note(self, url: str, nonce: str | None) -> bool:
        """Remember a nonce that a server gave; True if it is a new one."""
        if not nonce or self.nonces.get(origin(url)) == nonce:
            return False
        self.nonces[origin(url)] = nonce
        return True


def token_type(prover: Prover | None) -> str:
    """Return the type of token that a request asks for."""
    return "DPoP" if prover else "Bearer"


def send_to_token_endpoint(
    request: HttpRequest, client: ClientCredentials, prover: Prover | None
) -> Flow[HttpResponse]:
    """Send a token request with a fresh assertion and proof; once more if the server asks for its nonce.

    Raises:
        ServerUnavailable: No complete answer came.
        AuthenticationError: The key does not fit, or the server asks for a nonce again and again.
    """
    for attempt in (1, 2):
        response = yield from send((yield from _sealed(request, client, prover)))
        if prover is None:
            return response
        fresh = prover.note(request.url, response.header("dpop-nonce"))
        if not _wants_nonce(response):
            return response
        if attempt == 2 or not fresh:
            raise AuthenticationError(
                "the server asks for a DPoP nonce again and again", spec="RFC 9449 §8", url=request.url
            )
    raise AssertionError("unreachable: the second attempt returns or raises")


def _sealed(request: HttpRequest, client: ClientCredentials, prover: Prover | None) -> Flow[HttpRequest]:
    """Add what must be new for each request."""
    if client.token_endpoint_auth_method in SIGNED_METHODS:
        now, jti = yield from moment()
        proof = {
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": client_assertion(client, now=now, jti=jti),
        }
        request = replace(request, body=(request.body or b"") + b"&" + urlencode(proof).encode())
    if prover is not None:
        now, jti = yield from moment()
        header = ("DPoP", prover.headers(request.method, request.url, iat=int(now), jti=jti))
        request = replace(request, headers=(*request.headers, header))
    return request


def _wants_nonce(response: HttpResponse) -> bool:
    error = read_error(response) if response.status in (400, 401) else None
    return error is not None and error.error == "use_dpop_nonce"
