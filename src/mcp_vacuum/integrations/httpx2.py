"""`auth=` for httpx2, and with it for the MCP SDK and FastMCP.

```python
async with httpx2.AsyncClient(auth=VacuumAuth("https://mcp.example.com/mcp")) as client: ...
```
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from mcp_vacuum.tokens.source import Headers, TokenSource


class VacuumAuth(httpx2.Auth):
    """Attaches the token of a stored login to requests under its resource.

    It never opens a browser: where only a person can go on it raises `LoginRequired`. A request to any other
    origin or path raises `WrongAudience`. A 401 for a token that looked valid is answered by one refresh and
    one more try. Safe for concurrent requests, threads and event loops; no lock is held during a request.
    """

    def __init__(self, login: str | TokenSource, account: str = "default") -> None:
        """Open nothing yet.

        Args:
            login: A server URL or alias that `mcp-vacuum login` knows, or any `TokenSource`.
            account: Which of several logins `login` means; of a `TokenSource` only for what errors say.
        """
        self._name = login if isinstance(login, str) else None
        self._source: TokenSource | None = None if isinstance(login, str) else login
        self._account = account

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """See `httpx2.Auth`."""
        source = self._source or await self._opened_in_a_thread()
        method, url = request.method, str(request.url)
        headers = source.ready(method, url)
        from_memory = headers is not None
        if headers is None:
            headers = await source.headers(method, url)
        for name, value in headers.items():
            request.headers[name] = value
        response = yield request
        if response.status_code == 401 and from_memory and _repeatable(request):
            _attach(request, await source.headers(method, url, refused=headers))
            response = yield request
        if response.status_code == 403:
            self._raise_for_scope(response)

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """See `httpx2.Auth`."""
        source = self._source or self._opened()
        method, url = request.method, str(request.url)
        headers = source.ready(method, url)
        from_memory = headers is not None
        if headers is None:
            headers = source.headers_blocking(method, url)
        for name, value in headers.items():
            request.headers[name] = value
        response = yield request
        if response.status_code == 401 and from_memory and _repeatable(request):
            _attach(request, source.headers_blocking(method, url, refused=headers))
            response = yield request
        if response.status_code == 403:
            self._raise_for_scope(response)

    def _opened(self) -> TokenSource:
        from mcp_vacuum.tokens.stored import token_source

        assert self._name is not None
        self._source = token_source(self._name, self._account)
        return self._source

    async def _opened_in_a_thread(self) -> TokenSource:
        import anyio.to_thread

        return await anyio.to_thread.run_sync(self._opened)

    def _raise_for_scope(self, response: httpx2.Response) -> None:
        """A 403 that asks for more scope is for a person (MCP authorization, Step-Up Authorization Flow)."""
        from shlex import quote

        from mcp_vacuum.errors import LoginRequired
        from mcp_vacuum.protocol.challenge import bearer_hints

        hints = bearer_hints(response.headers.get_list("www-authenticate"))
        if hints is None or hints.error != "insufficient_scope":
            return
        from mcp_vacuum.safety.url import printable

        server = self._name or str(response.request.url)
        wanted = printable(hints.scope or "").split()
        account = "" if self._account == "default" else f" --account {quote(self._account)}"
        flags = "".join(f" --scope {quote(word)}" for word in wanted)
        raise LoginRequired(
            server,
            f"it asks for more scope: {' '.join(wanted) or 'unnamed'}",
            hint=f"mcp-vacuum login {server}{account}{flags}",
            spec="RFC 6750 §3.1",
            account=self._account,
        )


def _attach(request: httpx2.Request, headers: Headers) -> None:
    for name, value in headers.items():
        request.headers[name] = value


def _repeatable(request: httpx2.Request) -> bool:
    """A request whose body is in memory can be sent again; a stream cannot."""
    try:
        _ = request.content
    except httpx2.RequestNotRead:
        return False
    return True
