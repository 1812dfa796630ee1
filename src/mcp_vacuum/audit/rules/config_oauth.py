"""What a configuration says of its OAuth client: secret, redirect, PKCE, grants, scopes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from urllib.parse import SplitResult, urlsplit

from mcp_vacuum.audit.documents import Leaf
from mcp_vacuum.audit.evidence.config import ConfigEvidence
from mcp_vacuum.audit.rule import NotChecked, Results, Severity
from mcp_vacuum.audit.rules.config_words import ConfigCheck, find, literal, require, settings, truth
from mcp_vacuum.audit.scopes import wide
from mcp_vacuum.audit.spotting import spot
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.url import printable

LOW, MEDIUM = Severity.LOW, Severity.MEDIUM
REDIRECTS = ("redirect_uri", "redirect_uris", "redirect_url", "callback_url", "callback_uri")
HOSTS = ("bind_host", "callback_host", "callback_bind_host", "redirect_host")
_REVERSED = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+$")
_VIEWS = re.compile(r"web-?view|webengine|electron|embedded|cefpython", re.IGNORECASE)
_DANGEROUS = frozenset({"javascript", "data", "file", "vbscript", "blob", "about"})


def no_embedded_secret(evidence: ConfigEvidence) -> Results:
    """A secret that every copy of a program has is known to whoever has a copy."""
    yield from _unless_set(evidence, ("client_secret",), "it sets no client secret")
    for leaf in settings(evidence, "client_secret"):
        if isinstance(leaf.value, str) and spot("client_secret", leaf.value):
            yield find(evidence, leaf, "a constant client secret stands in the configuration")


def metadata_url_is_well_formed(evidence: ConfigEvidence) -> Results:
    """The URL is the client's name: in two spellings it is two clients, and who serves it is the client."""
    require(evidence)
    urls = [leaf for leaf in settings(evidence, "client_id", "client_metadata_url") if _is_url(leaf.value)]
    if not urls:
        yield NotChecked("NOT_APPLICABLE: no client_id is the URL of a metadata document")
    for leaf in urls:
        for why, severity in _malformed(leaf.value):
            yield find(evidence, leaf, why, severity)


def s256_only(evidence: ConfigEvidence) -> Results:
    """Without S256, whoever sees the authorization code or the challenge can redeem the code."""
    names = ("code_challenge_method", "pkce_method", "pkce", "use_pkce", "pkce_enabled")
    yield from _unless_set(evidence, names, "it says nothing about PKCE")
    for leaf in settings(evidence, *names[:2]):
        if literal(leaf.value) and leaf.value != "S256":
            yield find(evidence, leaf, f"code_challenge_method is {_word(leaf.value)}, and not S256")
    for leaf in settings(evidence, *names[2:]):
        if truth(leaf.value) is False:
            yield find(evidence, leaf, "PKCE is switched off")


def code_flow_only(evidence: ConfigEvidence) -> Results:
    """The implicit grant puts tokens into URLs, and the password grant shows the password to the client."""
    names = ("response_type", "response_types", "grant_type", "grant_types", "response_mode")
    yield from _unless_set(evidence, names, "it names no response type and no grant")
    for leaf in settings(evidence, "response_type", "response_types"):
        if literal(leaf.value) and leaf.value != "code":
            yield find(evidence, leaf, f"response_type {_word(leaf.value)} is not code")
    for leaf in settings(evidence, "grant_type", "grant_types"):
        if leaf.value in ("password", "implicit"):
            yield find(evidence, leaf, f"the grant {leaf.value} is configured")
    for leaf in settings(evidence, "response_mode"):
        if leaf.value == "fragment":
            yield find(
                evidence, leaf, "response_mode fragment puts the answer where scripts and histories see it"
            )


def redirects_are_safe(evidence: ConfigEvidence) -> Results:
    """Where the code arrives is where the login arrives."""
    yield from _unless_set(evidence, REDIRECTS, "it sets no redirect URI")
    for leaf in settings(evidence, *REDIRECTS):
        if literal(leaf.value):
            for why, severity in _unsafe(leaf.value):
                yield find(evidence, leaf, why, severity)


def listener_on_loopback(evidence: ConfigEvidence) -> Results:
    """A listener that others can reach takes their answers, and shows them when a login is under way."""
    require(evidence)
    hosts = [*settings(evidence, *HOSTS), *_flagged(evidence)]
    names = [leaf for leaf in settings(evidence, *REDIRECTS) if _host(leaf.value) == "localhost"]
    if not hosts and not any(True for _ in settings(evidence, *REDIRECTS)):
        yield NotChecked("NOT_APPLICABLE: it sets no redirect URI and no address to listen on")
    for leaf in hosts:
        if literal(leaf.value) and not is_loopback_host(leaf.value):
            yield find(evidence, leaf, f"the callback listens on {printable(leaf.value, 60)}")
    for leaf in names:
        why = "localhost is a name, which may lead elsewhere; 127.0.0.1 does not"
        yield find(evidence, leaf, why, LOW)


def scopes_are_narrow(evidence: ConfigEvidence) -> Results:
    """What a token may do beyond its task is what a thief gets for nothing."""
    yield from _unless_set(evidence, ("scope", "scopes"), "it names no scopes")
    for leaf in settings(evidence, "scope", "scopes"):
        if literal(leaf.value) and (found := wide(leaf.value.replace(",", " "))):
            yield find(evidence, leaf, f"it asks for {', '.join(found)}")


def system_browser(evidence: ConfigEvidence) -> Results:
    """A view inside the program shows the program every key that is typed into it."""
    names = ("user_agent", "webview", "embedded_browser", "use_webview")
    yield from _unless_set(evidence, names, "it says nothing about how a login page is opened")
    for leaf in settings(evidence, *names):
        if truth(leaf.value) is True or (isinstance(leaf.value, str) and _VIEWS.search(leaf.value)):
            yield find(
                evidence, leaf, f"the login page is opened inside the program: {printable(leaf.name, 40)}"
            )


def _word(value: str) -> str:
    """Show a value that is a word; what is none was put there by mistake, and may be a secret."""
    return value if re.fullmatch(r"[A-Za-z][a-z_ ]{0,24}|S\d+", value) else "another value"


def _unless_set(evidence: ConfigEvidence, names: tuple[str, ...], why: str) -> Results:
    require(evidence)
    if not any(True for _ in settings(evidence, *names)):
        yield NotChecked(f"NOT_APPLICABLE: {why}")


def _flagged(evidence: ConfigEvidence) -> Iterator[Leaf]:
    """Yield the word after ``--host`` of mcp-remote, which is where its callback listens."""
    for server in evidence.servers:
        if any("mcp-remote" in word for word in server.command):
            words = [leaf for leaf in server.leaves if leaf.name == "args"]
            yield from (after for word, after in pairwise(words) if word.value == "--host")


def _is_url(value: object) -> bool:
    return isinstance(value, str) and "://" in value and literal(value)


def _host(value: object) -> str:
    parts = _split(value) if isinstance(value, str) else None
    return (parts.hostname or "").lower() if parts else ""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _malformed(url: str) -> Iterator[tuple[str, Severity | None]]:
    parts = _split(url)
    if parts is None or not parts.hostname:
        yield "it is no URL", None
        return
    if parts.scheme != "https":
        yield f"its scheme is {printable(parts.scheme, 20)}, and not https", None
    if parts.path in ("", "/"):
        yield "it has no path", None
    if any(part in (".", "..") for part in parts.path.split("/")):
        yield "it has dot segments", None
    if "#" in url:
        yield "it has a fragment", None
    if "@" in parts.netloc:
        yield "it has a user name", None
    if parts.query:
        yield "it has a query", LOW


def _unsafe(uri: str) -> Iterator[tuple[str, Severity | None]]:
    parts = _split(uri)
    if parts is None or not parts.scheme or parts.scheme in _DANGEROUS:
        yield "it is no URI that a code may come back to", None
        return
    if "*" in uri:
        yield "it has a wildcard: any place that fits it gets the code", None
    if "#" in uri:
        yield "it has a fragment", None
    if "@" in parts.netloc:
        yield "it has a user name", None
    if parts.scheme == "http" and not is_loopback_host(parts.hostname or ""):
        yield f"it is plain http to {printable(parts.hostname or 'nowhere', 80)}", None
    elif parts.scheme not in ("http", "https"):
        private = "a private-use scheme, which any program of this machine may take"
        reverse = "" if _REVERSED.match(parts.scheme) else ", and no reversed domain name"
        yield f"{printable(parts.scheme, 40)} is {private}{reverse}", MEDIUM


CHECKS: Mapping[str, ConfigCheck] = {
    "CL-REG-09": ConfigCheck(
        no_embedded_secret,
        '{"client_secret": "GOCSPX-…"}',
        '{"client_id": "…", "code_challenge_method": "S256"}',
    ),
    "CL-REG-02": ConfigCheck(
        metadata_url_is_well_formed,
        '{"client_id": "http://app.example"}',
        '{"client_id": "https://app.example/client.json"}',
    ),
    "CL-PKCE-01": ConfigCheck(
        s256_only, '{"code_challenge_method": "plain"}', '{"code_challenge_method": "S256"}'
    ),
    "CL-TOK-09": ConfigCheck(code_flow_only, '{"response_type": "token"}', '{"response_type": "code"}'),
    "CL-REDIR-01": ConfigCheck(
        redirects_are_safe,
        '{"redirect_uris": ["http://app.example/callback"]}',
        '{"redirect_uris": ["http://127.0.0.1/callback"]}',
    ),
    "CL-REDIR-02": ConfigCheck(
        listener_on_loopback,
        '{"callback": {"bind_host": "0.0.0.0"}}',
        '{"callback": {"bind_host": "127.0.0.1"}}',
    ),
    "CL-OPEN-03": ConfigCheck(system_browser, '{"user_agent": "webview"}', '{"user_agent": "system"}'),
    "CL-SCOPE-02": ConfigCheck(scopes_are_narrow, '{"scopes": ["*"]}', '{"scopes": ["mcp:tools"]}'),
}
