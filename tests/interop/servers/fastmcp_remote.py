"""FastMCP 4 as a protected server only: its authorization server is another process (--issuer)."""

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import JWTVerifier
from pydantic import AnyHttpUrl

from .serve import ledger_for, options, serve


def protection(base: str, issuer: str) -> RemoteAuthProvider:
    """Takes the issuer's JWTs that were made for this very server.

    `AnyHttpUrl` adds a slash to a root issuer, so the resource's metadata names
    `http://host/` where the server calls itself `http://host`.
    """
    verifier = JWTVerifier(
        jwks_uri=f"{issuer}/jwks", issuer=issuer, audience=f"{base}/mcp", required_scopes=["mcp:tools"]
    )
    return RemoteAuthProvider(
        token_verifier=verifier, authorization_servers=[AnyHttpUrl(issuer)], base_url=base
    )


def ping() -> str:
    """Answer pong."""
    return "pong"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--issuer", required=True)
    arguments = parser.parse_args()
    server = FastMCP(
        "interop-remote", auth=protection(f"http://127.0.0.1:{arguments.port}", arguments.issuer)
    )
    server.tool(ping)
    serve(server.http_app(), ledger_for(arguments), arguments.port)


if __name__ == "__main__":
    main()
