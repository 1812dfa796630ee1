"""HTTP under limits: one request, one bounded answer, to an address that was checked.

No redirect is followed, no cookie kept, no content coding accepted (nothing to inflate), and the address
that passed `NetworkPolicy.admit()` is the one that is connected to. Behind a proxy the names and literals
are checked and the proxy resolves.
"""

from __future__ import annotations

import socket
import ssl
import time
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar, cast

import anyio
import httpcore2

from mcp_vacuum._version import __version__
from mcp_vacuum.drivers.route import Route, route_to
from mcp_vacuum.errors import AnswerLost, AnswerTooLarge, ServerUnavailable, VacuumError
from mcp_vacuum.patience import answered
from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.limits import PROBE_TIMEOUT
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import host_of, origin

P = TypeVar("P", httpcore2.AsyncConnectionPool, httpcore2.ConnectionPool)

USER_AGENT = f"mcp-vacuum/{__version__}"
_NOT_SENT = (
    httpcore2.ConnectError,
    httpcore2.ConnectTimeout,
    httpcore2.PoolTimeout,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)
_FAILED = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, httpcore2.ProxyError)


def _headers(request: HttpRequest) -> list[tuple[str, str]]:
    authority = origin(request.url).partition("://")[2]  # httpcore2 forgets the brackets of IPv6
    own = [("Host", authority), ("User-Agent", USER_AGENT), ("Accept-Encoding", "identity")]
    given = {name.lower() for name, _ in request.headers}
    own = [(name, value) for name, value in own if name.lower() not in given]
    return [*own, *request.headers, *([("Content-Length", str(len(request.body)))] if request.body else [])]


def _timeouts(seconds: float) -> dict[str, Any]:
    """Connecting gets a little less, so that *not sent* is told from *sent, no answer*."""
    timeouts = dict.fromkeys(("read", "write", "pool"), max(seconds, 0.001))
    return {"timeout": {**timeouts, "connect": max(seconds * 0.9, 0.001)}}


class _Body:
    """Collects an answer and stops at the limit; an event stream has no end, and only its head is read."""

    def __init__(self, request: HttpRequest, response: httpcore2.Response, began: float) -> None:
        self._request = request
        self._response = response
        self._began = began
        self._chunks: list[bytes] = []
        self._size = 0
        media_type = (self._header(b"content-type") or b"").partition(b";")[0].strip()
        self.wanted = request.max_body > 0 and media_type != b"text/event-stream"
        self._check_coding()

    def _check_coding(self) -> None:
        coding = self._header(b"content-encoding") or b"identity"
        if self.wanted and coding != b"identity":
            raise self._error("answers in a content coding that was not asked for")

    def _header(self, name: bytes) -> bytes | None:
        return next((v.strip().lower() for k, v in self._response.headers if k.lower() == name), None)

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._request.max_body:
            raise self._error(f"answers with more than {self._request.max_body} bytes", AnswerTooLarge)
        self._chunks.append(chunk)

    def _error(self, what: str, kind: type[AnswerLost] = AnswerLost) -> AnswerLost:
        return kind(f"{origin(self._request.url)} {what}", url=self._request.url)

    def finish(self) -> HttpResponse:
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in self._response.headers
        )
        body = b"".join(self._chunks)
        took = time.monotonic() - self._began
        return HttpResponse(self._request.url, self._response.status, headers, body, time.time(), took)


def _failure(request: HttpRequest, error: BaseException) -> VacuumError:
    """Say what went wrong, and whether the request may have been processed."""
    where, hint = origin(request.url), "check the URL and the network, then try again"
    if isinstance(error, TimeoutError | httpcore2.TimeoutException):
        what = f"{where} did not answer within {request.timeout:.0f} s"
    elif isinstance(error.__cause__ or error.__context__, ssl.SSLError):
        what = f"no trusted TLS connection to {where}: {_reason(error)}"
        if "not yet valid" in what or "has expired" in what:
            hint = "check the clock of this machine; if it is right, the server's certificate is at fault"
    else:
        what = f"no connection to {where}: {_reason(error)}"
    kind = ServerUnavailable if isinstance(error, _NOT_SENT) else AnswerLost
    return kind(what, hint=hint, url=request.url)


def _reason(error: BaseException) -> str:
    text = str(error.__cause__ or error).strip() or type(error).__name__
    return text.removeprefix("[Errno ").split("] ", 1)[-1][:200]


class _Names:
    """Resolves a host and lets the policy judge every answer."""

    def __init__(self, policy: NetworkPolicy) -> None:
        self._policy = policy

    def admitted(self, host: str, infos: Iterable[tuple[Any, ...]]) -> list[str]:
        addresses = list(dict.fromkeys(cast(str, info[4][0]) for info in infos))
        self._policy.admit(host, addresses)
        return addresses


class _ProxyNames(_Names):
    """Resolves the proxy, which the person chose: no policy judges it."""

    def admitted(self, host: str, infos: Iterable[tuple[Any, ...]]) -> list[str]:
        return list(dict.fromkeys(cast(str, info[4][0]) for info in infos))


class _AsyncBackend(httpcore2.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            with anyio.fail_after(timeout):
                return await self._connect(host, port, timeout, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"no connection to {host} in time") from error

    async def _connect(self, host: str, port: int, *options: Any) -> httpcore2.AsyncNetworkStream:
        try:
            infos = _numeric(host, port) or await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"the name {host} does not resolve") from error
        failure: Exception | None = None
        for address in self._names.admitted(host, infos):
            try:
                return await self._inner.connect_tcp(address, port, *options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _numeric(host: str, port: int | None = None) -> list[tuple[Any, ...]]:
    """What a host that is an address means, without a resolver and without a thread; nothing for a name."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


class _SyncBackend(httpcore2.NetworkBackend):
    """Connects to checked addresses only, under the deadline of the request in hand."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._inner = httpcore2.SyncBackend()
        self.deadline = 0.0

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        infos = _resolved(host, port, self.deadline - time.monotonic())
        failure: Exception | None = None
        for address in self._names.admitted(host, infos):
            left = max(self.deadline - time.monotonic(), 0.001)
            try:
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
                return _DeadlineStream(stream, self)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")


def _resolved(host: str, port: int | None, seconds: float) -> list[tuple[Any, ...]]:
    """Resolve in a thread that may be left behind: the C library's resolver knows no deadline."""
    if known := _numeric(host, port):
        return known
    try:
        return answered(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), max(seconds, 0.001))
    except TimeoutError as error:
        raise httpcore2.ConnectTimeout(f"the name {host} does not resolve in time") from error
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"the name {host} does not resolve") from error


class _DeadlineStream(httpcore2.NetworkStream):
    """A stream whose every step ends at the request's deadline: a byte a second is no way around it."""

    def __init__(self, inner: httpcore2.NetworkStream, backend: _SyncBackend) -> None:
        self._inner = inner
        self._backend = backend

    def _left(self, error: type[Exception]) -> float:
        left = self._backend.deadline - time.monotonic()
        if left <= 0:
            raise error("deadline")
        return left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = self._left(httpcore2.ConnectTimeout)
        return _DeadlineStream(self._inner.start_tls(ssl_context, server_hostname, left), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _trust(url: str, route: Route) -> dict[str, Any]:
    """Read the trusted certificates before connecting: httpcore2 would leave the connection open."""
    return {"ssl_context": route.trust()} if url.startswith("https:") else {}


def admit_visit(policy: NetworkPolicy, url: str) -> None:
    """Let a person's browser go to `url`: nobody may send it where no request of ours may go.

    Raises:
        SecurityRefused: The host is less public than the server may point to.
    """
    host = host_of(url)
    try:
        infos = _resolved(host, None, PROBE_TIMEOUT)
    except (httpcore2.NetworkError, httpcore2.TimeoutException):
        infos = []  # behind a proxy only the browser can resolve it; the name itself is judged
    _Names(policy).admitted(host, infos)


class _Transport(Generic[P]):
    """Connections of one flow, by scheme and route."""

    def __init__(self, policy: NetworkPolicy, route: Route | None = None) -> None:
        """Take `route` for every request; without one the environment decides at each."""
        self._names = _Names(policy)
        self._route = route
        self._pools: dict[tuple[str, Route], P] = {}

    @abstractmethod
    def _pool(self, route: Route, trust: dict[str, Any]) -> P:
        """Make a pool of connections that take this route."""

    def _pool_for(self, request: HttpRequest) -> P:
        route = route_to(request.url, self._route)
        if route.proxy is not None:  # a proxy resolves names by itself: what we know of the host is judged
            self._names.admitted(host_of(request.url), _numeric(host_of(request.url)))
        place = (request.url.partition(":")[0], route)
        if place not in self._pools:
            self._pools[place] = self._pool(route, _trust(request.url, route))
        return self._pools[place]


class AsyncTransport(_Transport[httpcore2.AsyncConnectionPool]):
    """Sends requests for one flow and closes its connections with it."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Perform one exchange within `request.timeout` seconds.

        Raises:
            SecurityRefused: The host may not be contacted.
            ServerUnavailable: Nothing was sent. `AnswerLost`: it was, and no complete answer came.
        """
        pool = self._pool_for(request)
        began = time.monotonic()
        try:
            with anyio.fail_after(request.timeout):
                async with pool.stream(**_arguments(request)) as response:
                    body = _Body(request, response, began)
                    if body.wanted:
                        async for chunk in response.aiter_stream():
                            body.add(chunk)
                    return body.finish()
        except (*_FAILED, TimeoutError) as error:
            raise _failure(request, error) from None

    def _pool(self, route: Route, trust: dict[str, Any]) -> httpcore2.AsyncConnectionPool:
        if route.proxy:
            return httpcore2.AsyncHTTPProxy(**route.proxy_options(), **trust)
        return httpcore2.AsyncConnectionPool(network_backend=_AsyncBackend(self._names), **trust)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()


class SyncTransport(_Transport[httpcore2.ConnectionPool]):
    """The blocking twin of `AsyncTransport`; one request at a time."""

    def __init__(self, policy: NetworkPolicy, route: Route | None = None) -> None:
        """See `AsyncTransport`."""
        super().__init__(policy, route)
        self._backend = _SyncBackend(self._names)
        self._to_proxy = _SyncBackend(_ProxyNames(policy))

    def send(self, request: HttpRequest) -> HttpResponse:
        """Perform one exchange; see `AsyncTransport.send`."""
        pool = self._pool_for(request)
        began = time.monotonic()
        self._backend.deadline = self._to_proxy.deadline = began + request.timeout
        try:
            with pool.stream(**_arguments(request)) as response:
                body = _Body(request, response, began)
                if body.wanted:
                    for chunk in response.iter_stream():
                        body.add(chunk)
                return body.finish()
        except _FAILED as error:
            raise _failure(request, error) from None

    def _pool(self, route: Route, trust: dict[str, Any]) -> httpcore2.ConnectionPool:
        if route.proxy:
            return httpcore2.HTTPProxy(**route.proxy_options(), network_backend=self._to_proxy, **trust)
        return httpcore2.ConnectionPool(network_backend=self._backend, **trust)

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()


def _arguments(request: HttpRequest) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": _headers(request),
        "content": request.body,
        "extensions": _timeouts(request.timeout),
    }
