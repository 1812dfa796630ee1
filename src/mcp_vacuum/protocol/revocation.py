"""Token revocation (RFC 7009): give back what is no longer needed."""

from __future__ import annotations

from mcp_vacuum.models import ClientCredentials
from mcp_vacuum.protocol.client_auth import authenticated_form
from mcp_vacuum.protocol.documents import read_error
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import printable


def revocation_request(endpoint: str, client: ClientCredentials, token: Secret, hint: str) -> HttpRequest:
    """Ask the server to end a token; `hint` is ``refresh_token`` or ``access_token`` (RFC 7009 §2.1)."""
    return authenticated_form(
        endpoint,
        "revocation_endpoint",
        client,
        [("token", token.reveal()), ("token_type_hint", hint)],
    )


def revocation_refusal(response: HttpResponse) -> str | None:
    """Return why the server did not revoke, or None if it did: every 200 means done (RFC 7009 §2.2)."""
    if response.status in (200, 204):
        return None
    error = read_error(response)
    return printable(error.error, 80) if error else f"status {response.status}"
