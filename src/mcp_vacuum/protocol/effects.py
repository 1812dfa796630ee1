"""What a flow may ask for: a small, closed set. Time comes with each answer."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote_plus

from mcp_vacuum.safety.limits import MAX_DOCUMENT
from mcp_vacuum.safety.url import BrowserUrl, EndpointUrl

T = TypeVar("T")

HeaderList = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, sent as it is: no redirect is followed, no cookie kept, no credential added.

    Attributes:
        method: ``GET``, ``POST`` or ``DELETE``.
        url: Checked by `safety.url`.
        headers: Name and value, in order.
        body: Bytes to send, if any; its repr is hidden because it may hold secrets.
        timeout: Seconds for the whole exchange, from name resolution to the last byte.
        max_body: Bytes of answer to accept; 0 reads the head only.
    """

    method: str
    url: EndpointUrl
    headers: HeaderList = ()
    body: bytes | None = None
    timeout: float = 10.0
    max_body: int = MAX_DOCUMENT

    @property
    def form(self) -> dict[str, str]:
        """The form parameters of the body, for tests and recorders."""
        fields = parse_qs((self.body or b"").decode(), keep_blank_values=True)
        return {name: values[0] for name, values in fields.items()}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is in it that no message may repeat."""
        fields = parse_qs((self.body or b"").decode())
        values = [value for name in _SECRETS & fields.keys() for value in fields[name]]
        for name, value in self.headers:
            if name.lower() == "authorization":
                values += _credentials(value.partition(" ")[2])
        return tuple(value for value in values if len(value) >= _SHORTEST_SECRET)

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.url})"


_SECRETS = frozenset(
    {
        "code",
        "code_verifier",
        "refresh_token",
        "token",
        "client_secret",
        "client_assertion",
        "assertion",
        "device_code",
        "subject_token",
        "actor_token",
    }
)
"""Parameters of a form (RFC 6749, 7009, 7521, 7636, 8628, 8693)."""
_SHORTEST_SECRET = 4
"""Characters; hiding a shorter one would hide words."""


def _credentials(text: str) -> list[str]:
    """Return a bearer token, or what basic authentication carries (RFC 6749 §2.3.1)."""
    try:
        password = b64decode(text, validate=True).decode().partition(":")[2]
    except ValueError:
        password = ""
    return [text, password, unquote_plus(password)]


@dataclass(frozen=True, slots=True, repr=False)
class HttpResponse:
    """A complete answer.

    Attributes:
        url: Where it came from.
        status: The status code.
        headers: Lower-case names, in order; a name may appear several times.
        body: The whole body, at most the request's `max_body` bytes.
        received_at: Unix seconds when the last byte was there.
        took: Seconds from name resolution to the last byte.
        request: What it answers; set by `send()`.
    """

    url: str
    status: int
    headers: HeaderList
    body: bytes
    received_at: float
    took: float = 0.0
    request: HttpRequest | None = field(default=None, compare=False)

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)

    def header_lines(self, name: str) -> list[str]:
        """Return every value of a header, one for each line that came."""
        return [value for key, value in self.headers if key == name]

    def __repr__(self) -> str:
        return f"HttpResponse({self.status} from {self.url}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True, repr=False)
class Authorize:
    """A person must visit `url`; the answer is the redirect URL that `accepts` approves.

    Attributes:
        url: Checked and rebuilt for a browser.
        redirect_uri: Where the answer will arrive.
        accepts: Pure predicate over a whole redirect URL, so that a listener needs to know no OAuth.
    """

    url: BrowserUrl
    redirect_uri: str
    accepts: Callable[[str], bool]

    def __repr__(self) -> str:
        return f"Authorize(redirect_uri={self.redirect_uri!r})"


@dataclass(frozen=True, slots=True)
class ShowCode:
    """Show a person a code to enter elsewhere (RFC 8628 §3.3).

    Attributes:
        verification_uri: Where to enter it; checked.
        user_code: Printable.
        verification_uri_complete: The same with the code in it, if the server gave one; checked.
    """

    verification_uri: EndpointUrl
    user_code: str
    verification_uri_complete: EndpointUrl | None = None


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Moment:
    """Tell the time and give a fresh random word: Unix seconds, and at least 96 bits in base64url."""


Effect = HttpRequest | Authorize | ShowCode | Sleep | Moment
Flow = Generator[Effect, Any, T]


def send(request: HttpRequest) -> Flow[HttpResponse]:
    """Send a request and return the answer.

    Raises:
        ServerUnavailable: No complete answer came; `AnswerLost` if the request may have been processed.
    """
    response: HttpResponse = yield request
    return replace(response, request=request)


def ask(authorize: Authorize) -> Flow[str]:
    """Have a person visit a URL and return the redirect URL that came back.

    Raises:
        LoginDeclined: Nobody answered in time, or the person gave up.
    """
    redirect_url: str = yield authorize
    return redirect_url


def show(code: ShowCode) -> Flow[None]:
    """Show a person a code."""
    yield code


def moment() -> Flow[tuple[float, str]]:
    """Return Unix seconds and a fresh random word."""
    now_and_word: tuple[float, str] = yield Moment()
    return now_and_word


def pause(seconds: float) -> Flow[None]:
    """Wait."""
    yield Sleep(seconds)
