"""`auth=` for httpx2, and with it for the MCP SDK and FastMCP.

```python
async with httpx2.AsyncClient(auth=VacuumAuth("https://mcp.example.com/mcp")) as client: ...
```
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from mcp_vacuum.tokens.source import Headers, Rejection, TokenSource

REFUSED = (401, 403)
MOST_ATTEMPTS = 5
"""Refusals of one call that are answered: nonce, refresh, two authorizations, nonce of the new key."""


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
        ready = source.ready(method, url)
        headers = await source.headers(method, url) if ready is None else ready
        _attach(request, headers)
        more = request.extensions
        more["trace"] = _AsyncGuard(source, method, url, more.get("trace"))
        response = yield request
        if response.status_code in REFUSED or len(headers) > 1:
            call = _Call(request, headers, fresh=ready is None)
            call.note_nonce(source, response)
            while (rejection := call.rejected(response)) is not None:
                if not call.takes(await source.after(method, url, rejection)):
                    return
                response = yield request

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """See `httpx2.Auth`."""
        source = self._source or self._opened()
        method, url = request.method, str(request.url)
        ready = source.ready(method, url)
        headers = source.headers_blocking(method, url) if ready is None else ready
        _attach(request, headers)
        more = request.extensions
        more["trace"] = _Guard(source, method, url, more.get("trace"))
        response = yield request
        if response.status_code in REFUSED or len(headers) > 1:
            call = _Call(request, headers, fresh=ready is None)
            call.note_nonce(source, response)
            while (rejection := call.rejected(response)) is not None:
                if not call.takes(source.after_blocking(method, url, rejection)):
                    return
                response = yield request

    def _opened(self) -> TokenSource:
        from mcp_vacuum.agent.source import token_source

        assert self._name is not None
        self._source = token_source(self._name, self._account)
        return self._source

    async def _opened_in_a_thread(self) -> TokenSource:
        import anyio.to_thread

        return await anyio.to_thread.run_sync(self._opened)


class _Call:
    """One call of the program, from its first answer: what is made of each refusal."""

    def __init__(self, request: httpx2.Request, headers: Headers, *, fresh: bool) -> None:
        self._request, self._headers, self._fresh = request, headers, fresh
        self._nonce: str | None = None
        self._attempts = 0

    def note_nonce(self, source: TokenSource, response: httpx2.Response) -> None:
        """Keep the nonce that a server gives for the next proof (RFC 9449 §8.2)."""
        nonce = response.headers.get("dpop-nonce")
        if nonce and len(self._headers) > 1 and response.status_code != 401:
            source.note_nonce(str(self._request.url), nonce)

    def rejected(self, response: httpx2.Response) -> Rejection | None:
        """Return what a token source is told of a refusal; None for an answer that stands."""
        if response.status_code not in REFUSED or self._attempts == MOST_ATTEMPTS:
            return None
        if response.status_code == 401 and not _repeatable(self._request):
            return None
        self._attempts += 1
        rejection = _rejection(response, self._headers, self._fresh, self._attempts)
        self._nonce = rejection.nonce
        return rejection

    def takes(self, better: Headers | None) -> bool:
        """Go on with better headers; False where there are none, or the request cannot be sent again."""
        if better is None or not _repeatable(self._request):
            return False
        self._fresh = self._fresh or self._nonce is None
        self._headers = better
        _attach(self._request, better)
        return True


Trace = Callable[[str, Mapping[str, Any]], Any]
"""What httpcore tells of each step of a request, before it is done."""


class _Guard:
    """Judges each request that is about to be sent in place of one with a token.

    A client that follows redirects keeps `Authorization` within an origin, and an origin may hold more than
    the resource: a redirect to there ends in `WrongAudience`, before anything is sent.
    """

    __slots__ = ("_method", "_others", "_source", "_url")

    def __init__(self, source: TokenSource, method: str, url: str, others: Trace | None) -> None:
        self._source = source
        self._method = method
        self._url = url
        self._others = others

    def __call__(self, event: str, info: Mapping[str, Any]) -> Any:
        self._judge(event, info)
        if self._others is not None:
            self._others(event, info)

    def _judge(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".send_request_headers.started"):
            sent = info["request"]
            if not any(name.lower() == b"authorization" for name, _ in sent.headers):
                return  # such as the CONNECT that asks a proxy for a tunnel
            target = str(httpx2.URL(_url_of(sent)))
            if target != self._url:
                self._source.ready(self._method, target)


class _AsyncGuard(_Guard):
    """The same, where steps are awaited."""

    __slots__ = ()

    async def __call__(self, event: str, info: Mapping[str, Any]) -> Any:
        self._judge(event, info)
        if self._others is not None:
            await self._others(event, info)


def _url_of(request: Any) -> str:
    """Put the URL of an httpcore request together again; a proxy gets the whole of it as target."""
    parts = request.url
    if not parts.target.startswith(b"/"):
        return str(parts.target.decode())
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme.decode()}://{parts.host.decode()}{port}{parts.target.decode()}"


def _rejection(response: httpx2.Response, headers: Headers, fresh: bool, attempt: int) -> Rejection:
    from mcp_vacuum.tokens.source import Rejection

    challenges = tuple(response.headers.get_list("www-authenticate"))
    wants_nonce = any("use_dpop_nonce" in line for line in challenges)
    nonce = response.headers.get("dpop-nonce") if wants_nonce else None
    return Rejection(response.status_code, headers, challenges, nonce, fresh, attempt)


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
