"""How a configuration has its client talk: over what, to whom, and with the token where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from mcp_vacuum.audit.evidence.config import ConfigEvidence
from mcp_vacuum.audit.rule import Results
from mcp_vacuum.audit.rules.config_words import ConfigCheck, find, literal, require, settings, truth
from mcp_vacuum.audit.spotting import plain, some, spot
from mcp_vacuum.safety.address import is_loopback_host
from mcp_vacuum.safety.url import printable

_URL = re.compile(r"^https?://", re.IGNORECASE)
_BACK = frozenset({"redirecturi", "redirecturis", "redirecturl", "callbackurl", "callbackuri"})
_NAMES = frozenset({"clientid", "clientmetadataurl"})
_LINKS = frozenset({"schema", "homepage", "documentation", "docs", "icon", "logouri", "tosuri", "policyuri"})
_OFF = (
    "verify_tls",
    "verify_ssl",
    "ssl_verify",
    "tls_verify",
    "verify",
    "reject_unauthorized",
    "strict_ssl",
    "check_certificate",
)
_ON = (
    "insecure",
    "insecure_skip_verify",
    "skip_tls_verify",
    "ignore_ssl",
    "allow_insecure",
    "disable_tls_verify",
)
_VARIABLES = {"NODE_TLS_REJECT_UNAUTHORIZED": "0", "PYTHONHTTPSVERIFY": "0", "GIT_SSL_NO_VERIFY": "1"}
_FLAGS = frozenset(
    {"--insecure", "--no-verify-ssl", "--no-check-certificate", "--skip-tls-verify", "--no-ssl-verify"}
)


def https_only(evidence: ConfigEvidence) -> Results:
    """Plain http shows every token to whoever is on the way, and lets them answer in the server's place."""
    require(evidence)
    for leaf in evidence.leaves:
        name = plain(leaf.name)
        if name in _BACK | _NAMES | _LINKS or "env" in leaf.path or not isinstance(leaf.value, str):
            continue
        if _URL.match(leaf.value) and leaf.value.lower().startswith("http:") and not _loopback(leaf.value):
            yield find(evidence, leaf, f"it is plain http: {_shown(leaf.value)}")
        elif leaf.value == "--allow-http":
            yield find(evidence, leaf, "--allow-http: plain http is taken from any server")
    for leaf in settings(evidence, "allow_http", "allow_insecure_http", "insecure_http"):
        if truth(leaf.value):
            yield find(evidence, leaf, "plain http is allowed")


def certificates_are_checked(evidence: ConfigEvidence) -> Results:
    """A client that takes any certificate talks to whoever answers first."""
    require(evidence)
    for leaf in settings(evidence, *_OFF):
        if truth(leaf.value) is False:
            yield find(evidence, leaf, "certificates are not checked")
    for leaf in settings(evidence, *_ON):
        if truth(leaf.value):
            yield find(evidence, leaf, "certificates are not checked")
    for leaf in evidence.leaves:
        if "env" in leaf.path and str(leaf.value) == _VARIABLES.get(leaf.name):
            yield find(evidence, leaf, f"{leaf.name}={leaf.value}: certificates are not checked")
        elif leaf.value in _FLAGS:
            yield find(evidence, leaf, f"{leaf.value}: certificates are not checked")


def no_token_in_a_url(evidence: ConfigEvidence) -> Results:
    """A URL is kept in histories, logs and Referer headers, and what is in it with it."""
    require(evidence)
    for leaf in evidence.leaves:
        if not isinstance(leaf.value, str) or not _URL.match(leaf.value):
            continue
        for name, value in _query(leaf.value):
            if found := spot(name, value):
                yield find(evidence, leaf, f"the parameter {printable(name, 40)} holds {some(found.kind)}")


def no_legacy_shape(evidence: ConfigEvidence) -> Results:
    """Endpoints that no metadata names are a guess, and nothing says whether they know PKCE."""
    require(evidence)
    for leaf in settings(evidence, "legacy_2025_03_26", "legacy"):
        if truth(leaf.value):
            yield find(evidence, leaf, "the 2025-03-26 shape is on: default endpoints without metadata")


def _loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return is_loopback_host(host) or not literal(url)


def _shown(url: str) -> str:
    """Show scheme and host: a path or query may hold a secret."""
    try:
        parts = urlsplit(url)
        return printable(f"{parts.scheme}://{parts.hostname or ''}", 120)
    except ValueError:
        return "a malformed URL"


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query)
    except ValueError:
        return []


CHECKS: Mapping[str, ConfigCheck] = {
    "CL-SSRF-01": ConfigCheck(
        https_only, '{"url": "http://mcp.example.com/mcp"}', '{"url": "https://mcp.example.com/mcp"}'
    ),
    "CL-TOK-04": ConfigCheck(
        certificates_are_checked, '{"env": {"NODE_TLS_REJECT_UNAUTHORIZED": "0"}}', '{"verify_tls": true}'
    ),
    "CL-TOK-01": ConfigCheck(
        no_token_in_a_url,
        '{"url": "https://mcp.example.com/mcp?token=8xLOxBtZp8"}',
        '{"headers": {"Authorization": "Bearer ${TOKEN}"}}',
    ),
    "CL-LEG-01": ConfigCheck(no_legacy_shape, '{"legacy_2025_03_26": true}', "no such switch"),
}
