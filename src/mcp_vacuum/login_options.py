"""What a person may want of a login, who helps with it, and how it ended: words that all entries share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcp_vacuum.drivers.aio import CodeShower, Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.models import DEFAULT_ACCOUNT, ClientCredentials, Credential, OAuth2Token
from mcp_vacuum.protocol.discovery import Probe
from mcp_vacuum.safety.limits import PERSON_TIMEOUT

Progress = Callable[[str, str], None]
"""Told what is done, in order: a stable word for programs and a sentence for people."""

Ways = Callable[[LoopbackListener, float], Person]
"""Makes the person who will say yes, from the listener and the seconds to wait."""

ResourceCheck = Callable[[str, str | None], None]
"""Judges the `resource` that a server's metadata states (None without metadata); an exception refuses it."""


def by_browser(listener: LoopbackListener, timeout: float) -> Person:
    """The default: open the browser of this machine."""
    return BrowserVisit(listener, timeout=timeout)


def silent(_step: str, _text: str) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOptions:
    """What a person may want of a login.

    Attributes:
        account: A name for one of several logins to the same server.
        scope: Scopes to ask for instead of the server's own choice.
        client: A pre-registered client.
        client_metadata: What a registration says about the client (RFC 7591 §2), `client_name` for example.
        client_metadata_url: A client ID metadata document, used where the server takes them.
        redirect_uri: An exact loopback redirect URI, for servers that insist on one; without a port it
            gets a free one.
        own_callback: The program itself waits at `redirect_uri`, which may then be any; no listener is bound,
            and `ways` gets a `CallersCallback`.
        callback_port: The port of a redirect URI that names none; 0 for a free one. A client that was
            registered with another port is registered anew.
        resource: The resource identifier, where the server's own differs from its URL.
        quirks: Named deviations to tolerate.
        legacy: Take the 2025-03-26 shape where the server has no metadata.
        dpop: Bind the tokens to a key (RFC 9449), also where the resource does not ask for it.
        device: Log in on another device with a code (RFC 8628), instead of a browser here.
        allow_private_network: The server may point to private addresses.
        timeout: Seconds to wait for the person.
        force: Log in again although the login is still valid.
        keep_client: A forced login uses the client that was registered before, if it still fits.
    """

    account: str = DEFAULT_ACCOUNT
    scope: tuple[str, ...] = ()
    client: ClientCredentials | None = None
    client_metadata: Mapping[str, object] = field(default_factory=dict)
    client_metadata_url: str | None = None
    redirect_uri: str | None = None
    own_callback: bool = False
    callback_port: int = 0
    resource: str | None = None
    quirks: tuple[str, ...] = ()
    legacy: bool = False
    dpop: bool = False
    device: bool = False
    allow_private_network: bool = False
    timeout: float = PERSON_TIMEOUT
    force: bool = False
    keep_client: bool = False


DEFAULTS = LoginOptions()


@dataclass(frozen=True, slots=True)
class LoginResult:
    """How a login ended, when it ended well.

    Attributes:
        outcome: ``new``; ``still_valid``, verified without a browser; or ``not_required``.
        server: The normalised server URL.
        credential: The stored record; None where no login is required.
        token: The access token, in memory; None where no login is required.
    """

    outcome: Literal["new", "still_valid", "not_required"]
    server: str
    credential: Credential | None = None
    token: OAuth2Token | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Helpers:
    """Whom a login turns to; see `login_blocking`."""

    ways: Ways = by_browser
    show_code: CodeShower | None = None
    greeting: Probe | None = None
    check_resource: ResourceCheck | None = None
    progress: Progress = silent
