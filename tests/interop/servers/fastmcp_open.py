"""FastMCP 4 that asks nobody for a token, as its first example does."""

from fastmcp import FastMCP
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from .serve import ledger_for, options, serve


def app() -> ASGIApp:
    mcp = FastMCP("open")

    @mcp.tool
    def ping() -> str:
        return "pong"

    @mcp.custom_route("/ready", methods=["GET"])
    async def ready(_: Request) -> PlainTextResponse:
        return PlainTextResponse("ready")

    return mcp.http_app()


if __name__ == "__main__":
    arguments = options(__doc__).parse_args()
    serve(app(), ledger_for(arguments), arguments.port)
