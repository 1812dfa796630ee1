"""FastMCP 4's OIDCProxy: an authorization server of its own in front of another (--issuer).

It registers itself there as a confidential client; a login passes its consent
page, the other server's two forms, and its own callback.
"""

from typing import Any

import httpx2
from fastmcp import FastMCP
from fastmcp.server.auth.oidc_proxy import OIDCProxy
from key_value.aio.stores.memory import MemoryStore

from .serve import ledger_for, options, serve


def register_upstream(configuration: str, base: str) -> dict[str, Any]:
    """Register the proxy at the other server (RFC 7591) and return what that answered."""
    with httpx2.Client(trust_env=False) as http:
        endpoint = http.get(configuration).raise_for_status().json()["registration_endpoint"]
        answer = http.post(
            endpoint,
            json={
                "client_name": "fastmcp-proxy",
                "redirect_uris": [f"{base}/auth/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "client_secret_basic",
                "application_type": "web",
            },
        )
        registered: dict[str, Any] = answer.raise_for_status().json()
        return registered


def proxy(base: str, issuer: str) -> OIDCProxy:
    configuration = f"{issuer}/.well-known/openid-configuration"
    client = register_upstream(configuration, base)
    return OIDCProxy(
        config_url=configuration,
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        base_url=base,
        required_scopes=["mcp:tools"],
        token_endpoint_auth_method="client_secret_basic",
        jwt_signing_key="interop-signing-key-0123456789",
        client_storage=MemoryStore(),
        extra_authorize_params={"prompt": "consent"},
        forward_resource=True,
    )


def ping() -> str:
    """Answer pong."""
    return "pong"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--issuer", required=True)
    arguments = parser.parse_args()
    server = FastMCP("interop-proxy", auth=proxy(f"http://127.0.0.1:{arguments.port}", arguments.issuer))
    server.tool(ping)
    serve(server.http_app(), ledger_for(arguments), arguments.port)


if __name__ == "__main__":
    main()
