"""FastMCP 4 with its own in-memory OAuth provider, which approves every login at once.

It rotates refresh tokens, detects no reuse, and binds no token to a resource.
"""

from fastmcp import FastMCP
from fastmcp.server.auth.providers import in_memory
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions
from starlette.types import Receive, Scope, Send

from .ledger import Ledger
from .serve import ledger_for, options, serve


class WithLifetime:
    """The application, with the provider's lifetime constant set before each request."""

    def __init__(self, server: FastMCP, ledger: Ledger) -> None:
        self._app = server.http_app()
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        in_memory.DEFAULT_ACCESS_TOKEN_EXPIRY_SECONDS = int(self._ledger.settings.token_lifetime)
        await self._app(scope, receive, send)


def provider(base: str) -> in_memory.InMemoryOAuthProvider:
    return in_memory.InMemoryOAuthProvider(
        base_url=base,
        required_scopes=["mcp:tools"],
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["mcp:tools"], default_scopes=["mcp:tools"]
        ),
        revocation_options=RevocationOptions(enabled=True),
    )


def ping() -> str:
    """Answer pong."""
    return "pong"


def main() -> None:
    arguments = options(__doc__).parse_args()
    ledger = ledger_for(arguments)
    server = FastMCP("interop-fastmcp", auth=provider(f"http://127.0.0.1:{arguments.port}"))
    server.tool(ping)
    serve(WithLifetime(server, ledger), ledger, arguments.port)


if __name__ == "__main__":
    main()
