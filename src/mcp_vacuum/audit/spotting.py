"""What looks like a secret: by the name that it stands under, and by its own shape. Pure; shows none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mcp_vacuum.safety.secret import shown

KINDS = {
    "accesstoken": "access token",
    "refreshtoken": "refresh token",
    "idtoken": "ID token",
    "clientsecret": "client secret",
    "registrationaccesstoken": "registration access token",
    "codeverifier": "code verifier",
    "oauthstate": "login state",
    "clientassertion": "client assertion",
    "privatekey": "private key",
    "password": "password",
    "passwd": "password",
    "passphrase": "password",
    "authorization": "authorization header",
    "cookie": "cookie",
    "primaryapikey": "API key",
    "bearer": "token",
    "bearertoken": "token",
}
"""Names without case and punctuation, as OAuth and MCP clients write them."""
CARRIERS = frozenset({"authorization", "bearer", "cookie"})
"""Names that say how a secret is sent, and not what it is: its shape says more."""
ENDINGS = {
    "apikey": "API key",
    "accesskey": "API key",
    "secretkey": "API key",
    "token": "token",
    "secret": "secret",
    "password": "password",
}
"""What other names of secrets end with, such as ``GITHUB_TOKEN``."""

_PAT = re.compile(r"(?:^|[_-])pat$", re.IGNORECASE)
"""A personal access token; without something before it, it is the end of another word."""
_NO_SECRET = re.compile(r"(?:csrf|max|num|page|next|cancel|stop|pad|eos|bos|use|has|need|require\w*)token$")
_PREFIXES = (
    ("JWT", r"eyJ[\w-]{10,}\.eyJ[\w-]{5,}\.[\w-]*"),
    ("API key", r"sk-ant-[\w-]{16,}"),
    ("API key", r"sk-(?:proj-)?[A-Za-z0-9_-]{24,}"),
    ("GitHub token", r"gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"),
    ("GitLab token", r"glpat-[\w-]{16,}"),
    ("Slack token", r"xox[abeoprs]-[\w-]{10,}"),
    ("Google access token", r"ya29\.[\w-]{16,}"),
    ("Google refresh token", r"1//0[\w-]{20,}"),
    ("Google API key", r"AIza[\w-]{35}"),
    ("AWS access key", r"AKIA[0-9A-Z]{16}"),
    ("Hugging Face token", r"hf_[A-Za-z0-9]{20,}"),
    ("npm token", r"npm_[A-Za-z0-9]{30,}"),
    ("Notion token", r"ntn_[A-Za-z0-9]{30,}"),
    ("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{20,}"),
    ("Figma token", r"figd_[\w-]{20,}"),
    ("Stripe key", r"[rs]k_live_[A-Za-z0-9]{16,}"),
    ("private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
)
SHAPES = tuple((kind, re.compile(rf"(?<![\w/+-])(?:{pattern})")) for kind, pattern in _PREFIXES)
"""What a well-known issuer's tokens look like; enough to be sure without a name."""

_SCHEME = re.compile(r"^(?:Bearer|DPoP|Basic|token)\s+(\S{8,})$", re.IGNORECASE)
_IN_URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s:@]+:([^/\s@]{4,})@", re.IGNORECASE)
_REFERENCE = re.compile(
    r"^`|\$\{|\$[A-Za-z_(]|\{\{|%[A-Za-z_]\w*%|\{(?:env|file):"
    r"|(?:^|\s)(?:op|vault|env|file|keyring|keychain|secret)://|^(?:env|keyring):",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"^<.*>$|^\[.*\]$|^\*+\w{0,8}$|^\.{3}|^x{3,}$|^(?:bearer\s+|token\s+)?"
    r"(?:<|your|my[-_ ]|insert|replace|enter|todo|placeholder|xxx|redacted|none$|null$|true$|false$)",
    re.IGNORECASE,
)
_NOT_MEANT = re.compile(r"^(?:change[-_ ]?me|dummy|example|test|demo|sample|foo|bar)", re.IGNORECASE)
"""What stands in a file for show; where OAuth itself gives the name, it is taken for a bad secret."""
SHORTEST = 8
"""Characters; what is shorter is a word, a number or a test."""


class Spotted(NamedTuple):
    """Something that looks like a secret.

    Attributes:
        kind: What it is.
        value: It.
        sure: Its shape says so, or a name that OAuth gives; else its name only ends like that of a secret.
    """

    kind: str
    value: str
    sure: bool

    def __repr__(self) -> str:
        return f"Spotted({self.kind!r}, {shown(self.value)}, {self.sure})"


def plain(name: str) -> str:
    """Return a name without case and punctuation: ``client_secret``, ``clientSecret`` and so on are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def spot(name: str, value: str) -> Spotted | None:
    """Say what the value under a name is; None if it is no secret, a reference to one, or a placeholder."""
    bare = value.strip()
    if len(bare) < 4 or _REFERENCE.search(bare) or _PLACEHOLDER.match(bare):
        return None
    kind = KINDS.get(plain(name))
    if kind and plain(name) not in CARRIERS:
        return Spotted(kind, bare, True)
    if len(bare) < SHORTEST or _NOT_MEANT.match(bare):
        return None
    return _by_shape(bare) or _by_name(name, bare)


def some(kind: str, count: int = 1) -> str:
    """Name one or several of a kind: ``an access token``, ``2 tokens``."""
    if count > 1:
        first, of, rest = kind.partition(" in ")
        return f"{count} {first}s{of}{rest}"
    return f"{'an' if kind[0] in 'aeiAI' or kind.startswith('npm') else 'a'} {kind}"


def is_reference(value: str) -> bool:
    """True for a value that only says where the secret is, such as ``${TOKEN}`` or ``${input:token}``."""
    return bool(_REFERENCE.search(value))


def shapes_in(text: str) -> Iterator[tuple[str, str, int]]:
    """Find what has the shape of a secret in any text: what it is, the value, and where it begins."""
    for kind, pattern in SHAPES:
        for found in pattern.finditer(text):
            if not _PLACEHOLDER.match(found[0]):
                yield kind, found[0], found.start()


def _by_shape(value: str) -> Spotted | None:
    scheme = _SCHEME.match(value)
    inner = scheme[1] if scheme else value
    if scheme and (_PLACEHOLDER.match(inner) or _REFERENCE.search(inner)):
        return None
    for kind, pattern in SHAPES:
        if pattern.match(inner):
            return Spotted(kind, inner, True)
    if scheme:
        return Spotted("token", inner, True)
    if found := _IN_URL.match(value):
        return Spotted("password in a URL", found[1], True)
    return None


def _by_name(written: str, value: str) -> Spotted | None:
    name = plain(written)
    if name in KINDS:
        return Spotted(KINDS[name], value, True)
    if value.startswith(("/", "~", "./", "http://", "https://")) or " " in value or _NO_SECRET.search(name):
        return None
    kind = next((kind for ending, kind in ENDINGS.items() if name.endswith(ending)), None)
    kind = "token" if kind is None and _PAT.search(written) else kind
    return Spotted(kind, value, False) if kind else None
