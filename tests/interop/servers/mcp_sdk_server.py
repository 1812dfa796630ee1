"""A protected MCP server and its authorization server, made with the MCP Python SDK 2.x, in one process.

Logs in anyone who fills in the form; see rotating_provider.py for what its tokens do.
"""

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .rotating_provider import RotatingProvider
from .serve import ledger_for, options, serve

LOGIN_PAGE = """<!doctype html><title>Log in</title>
<form method="post" action="/login">
  <input type="hidden" name="visit" value="{visit}">
  <input name="username"><input type="password" name="password">
  <button name="decision" value="allow">Allow</button>
  <button name="decision" value="deny">Deny</button>
</form>"""


def settings(base: str) -> AuthSettings:
    """Who protects what. URLs are given as text: an `AnyHttpUrl` would add a slash to the issuer."""
    return AuthSettings.model_validate(
        {
            "issuer_url": base,
            "resource_server_url": f"{base}/mcp",
            "required_scopes": ["mcp:tools"],
            "validate_token_resource": True,
            "client_registration_options": ClientRegistrationOptions(
                enabled=True, valid_scopes=["mcp:tools", "mcp:read"], default_scopes=["mcp:tools"]
            ),
            "revocation_options": RevocationOptions(enabled=True),
        }
    )


def add_login_page(server: MCPServer, provider: RotatingProvider) -> None:
    async def login(request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(LOGIN_PAGE.format(visit=request.query_params["visit"]))
        form = await request.form()
        visit = str(form["visit"])
        denied = form.get("decision") == "deny"
        return RedirectResponse(
            provider.deny(visit) if denied else provider.allow(visit, str(form["username"])), 302
        )

    server.custom_route("/login", methods=["GET", "POST"])(login)


def add_tools(server: MCPServer) -> None:
    @server.tool()
    def whoami() -> str:
        """Say who the access token belongs to."""
        token = get_access_token()
        return token.subject or "nobody" if token else "nobody"


def main() -> None:
    arguments = options(__doc__).parse_args()
    ledger = ledger_for(arguments)
    base = f"http://127.0.0.1:{arguments.port}"
    provider = RotatingProvider(base, ledger)
    server = MCPServer("interop-sdk", auth_server_provider=provider, auth=settings(base))
    add_login_page(server, provider)
    add_tools(server)
    serve(server.streamable_http_app(), ledger, arguments.port)


if __name__ == "__main__":
    main()
