"""What a URL has to be before it is fetched, opened or stored. Strings stay as they came.

The types say what was checked: a request takes an `EndpointUrl`, a browser a `BrowserUrl`, and only the
functions here make them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import NewType
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from mcp_vacuum.errors import SecurityRefused, UsageError
from mcp_vacuum.safety.address import is_loopback_host

EndpointUrl = NewType("EndpointUrl", str)
"""https, or http on loopback; no userinfo, no fragment; exactly as it came."""

BrowserUrl = NewType("BrowserUrl", str)
"""An authorization URL that was parsed, checked and rebuilt for a browser."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ILLEGAL = re.compile(r"[^\x21-\x7e]|[\\\"<>^`{|}]")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NUMERIC_LABEL = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?$")
_DOTTED_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$")
_NAME = re.compile(r"[A-Za-z0-9._~-]+$")
_V6 = re.compile(r"[0-9A-Fa-f:.]+$")
_WITHOUT_SCHEME = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::\d+)?(?:/\S*)?")
_MAX_LENGTH = 8192


def _split(url: str) -> SplitResult:
    """Split a URL; every way in which it can be malformed is a ValueError with a short reason."""
    if len(url) > _MAX_LENGTH:
        raise ValueError(f"is longer than {_MAX_LENGTH} characters")
    if _ILLEGAL.search(url):
        raise ValueError("has a character that no URL may have")
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("has no host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user name in it")
    _ = parts.port  # raises ValueError for a port that is none
    _check_host(parts.hostname, "[" in parts.netloc)
    return parts


def _check_host(host: str, bracketed: bool) -> None:
    """No escapes, shell characters or zones, and no number that a resolver would read as an address."""
    if not (_V6 if bracketed else _NAME).match(host):
        raise ValueError("has a host that is no name")
    last_label = "" if bracketed else host.rstrip(".").rpartition(".")[2]
    if _NUMERIC_LABEL.match(last_label) and not _DOTTED_QUAD.match(host):
        raise ValueError("writes an IP address in disguise")


def check_endpoint(
    url: str, what: str, *, spec: str = "OAuth 2.1 §1.5", if_plain: str | None = None
) -> EndpointUrl:
    """Return `url` unchanged if a request may go there.

    Args:
        url: As it came from metadata or a challenge.
        what: What it is, for the message, such as ``token_endpoint``.
        spec: The rule that a refusal names.
        if_plain: What to do about plain http.

    Raises:
        SecurityRefused: Not https (or http on loopback), malformed, with userinfo or a fragment.
    """
    try:
        parts = _split(url)
    except ValueError as error:
        raise SecurityRefused(f"{what} {error}", spec=spec, url=printable(url)) from None
    if parts.scheme == "http" and not is_loopback_host(parts.hostname or ""):
        raise SecurityRefused(f"{what} is plain http", hint=if_plain, spec=spec, url=url)
    if parts.scheme not in ("https", "http"):
        raise SecurityRefused(f"{what} is not an https URL", spec=spec, url=printable(url))
    if "#" in url:
        raise SecurityRefused(f"{what} has a fragment", spec=spec, url=url)
    return EndpointUrl(url)


def check_redirect_uri(uri: str) -> EndpointUrl:
    """Return `uri` unchanged if a code may come back there (OAuth 2.1 §2.3, RFC 8252 §7).

    Raises:
        SecurityRefused: It is neither https nor http on loopback, or has a fragment.
    """
    return check_endpoint(uri, "the redirect URI", spec="MCP authorization, Communication Security")


def normalise_server_url(text: str) -> str:
    """Return the canonical form of a server URL that a person typed.

    Lower-case scheme and host, no default port, no lone trailing slash at the root; the path stays.

    Raises:
        UsageError: It is no http(s) URL.
        SecurityRefused: Plain http to a host that is not loopback.
    """
    try:
        parts = _split(text.strip())
    except ValueError as error:
        raise _not_a_url(text, str(error)) from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _not_a_url(text, "is not an http(s) URL")
    path = "" if parts.path == "/" and not parts.query else parts.path
    url = urlunsplit((parts.scheme, _authority(parts), path, parts.query, ""))
    return check_endpoint(
        url,
        "the server URL",
        spec="MCP authorization, Communication Security",
        if_plain=f"did you mean https{url.removeprefix('http')} ? Plain http is for this machine alone",
    )


def _not_a_url(text: str, why: str) -> UsageError:
    meant = likely_url(text)
    if meant is None:
        return UsageError(f"{printable(text)!r} {why}", hint="give a URL such as https://mcp.example.com/mcp")
    return UsageError(f"{printable(text)!r} has no scheme", hint=f"did you mean {meant} ?")


def completed(text: str) -> list[str]:
    """Return the canonical server URLs that `text` without its scheme can be, the likeliest first.

    On loopback that is http, then https; elsewhere https alone. None if it is no host, port and path.
    """
    if not _WITHOUT_SCHEME.fullmatch(text):
        return []
    urls = []
    for scheme in _DEFAULT_PORTS:
        with suppress(UsageError, SecurityRefused):
            urls.append(normalise_server_url(f"{scheme}://{text}"))
    return urls


def likely_url(text: str) -> str | None:
    """Return the server URL that a person meant who left out its scheme; None for what may be any name."""
    meant = next(iter(completed(text)), None)
    return meant if meant and (set(text) & set(".:/") or is_loopback_host(text)) else None


def _authority(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    default = _DEFAULT_PORTS.get(parts.scheme)
    return host if parts.port in (None, default) else f"{host}:{parts.port}"


def origin(url: str) -> str:
    """Return scheme, host and port (RFC 6454 §4), lower-case, default port left out."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{_authority(parts)}"


def host_of(url: str) -> str:
    """Return the host of a checked URL, lower-case, without brackets."""
    return urlsplit(url).hostname or ""


def authorization_url(endpoint: EndpointUrl, parameters: Iterable[tuple[str, str]]) -> BrowserUrl:
    """Rebuild an authorization endpoint with its parameters, safe to hand to any browser.

    The endpoint's own query is kept (RFC 6749 §3.1). The result starts with http(s), holds no shell
    metacharacter but ``&`` and no ``%action`` (CVE-2026-4786), so no browser takes it for an option.

    Raises:
        SecurityRefused: The endpoint cannot be opened safely.
    """
    parts = urlsplit(endpoint)
    own = parse_qsl(parts.query, keep_blank_values=True)
    ours = list(parameters)
    clash = {name for name, _ in own} & {name for name, _ in ours}
    if clash or _BAD_PERCENT.search(endpoint):
        why = "repeats a parameter of ours" if clash else "has a broken percent escape"
        raise SecurityRefused(f"authorization_endpoint {why}", spec="OAuth 2.1 §3.1", url=endpoint)
    path = quote(parts.path, safe="/%:@~+,=")
    url = urlunsplit((parts.scheme, _authority(parts), path, urlencode(own + ours, quote_via=quote), ""))
    if "%action" in url:
        raise SecurityRefused("authorization_endpoint contains %action", spec="CVE-2026-4786", url=endpoint)
    return BrowserUrl(url)


def printable(text: str, limit: int = 300) -> str:
    """Make text from elsewhere safe for a terminal: one line, no control characters, bounded length."""
    clean = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1])
    return clean if len(clean) <= limit else f"{clean[:limit]}…"
