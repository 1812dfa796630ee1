"""What goes over the agent's socket. Pure.

A frame is four bytes of length (big endian, of what follows), one byte of version, and a payload: words of
UTF-8 with NUL between them, which a shell-speed client can read and write, or one JSON object. The agent
speaks first: its greeting says whose it is. A request is one frame, its reply another.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

from mcp_vacuum import errors
from mcp_vacuum.errors import AgentUnavailable, VacuumError
from mcp_vacuum.safety.secret import Secret

VERSION = 1
HEAD = 5
MOST_REQUEST = 64 * 1024
"""Bytes of a request; a URL or an access token has a few thousand."""
MOST_REPLY = 1024 * 1024
"""Bytes of a reply."""
NAME = "mcp-vacuum agent"


def frame(payload: bytes) -> bytes:
    """Wrap a payload."""
    return (len(payload) + 1).to_bytes(4, "big") + bytes([VERSION]) + payload


def payload_size(head: bytes, most: int) -> int:
    """Return how many bytes of payload follow the five bytes of a head.

    Raises:
        AgentUnavailable: Another version, or more than `most` bytes.
    """
    size = int.from_bytes(head[:4], "big") - 1
    if head[4:] != bytes([VERSION]) or not 0 <= size <= most:
        raise AgentUnavailable("what came over the agent's socket is no frame of this version")
    return size


def words(*texts: str) -> bytes:
    """Join words that contain no NUL."""
    return "\0".join(texts).encode()


def split_words(payload: bytes) -> list[str]:
    """Split what `words` joined.

    Raises:
        AgentUnavailable: It is not UTF-8.
    """
    try:
        return payload.decode().split("\0")
    except UnicodeDecodeError:
        raise AgentUnavailable("what came over the agent's socket is not UTF-8") from None


# --- requests ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Find:
    """Which login is `name`, and what may its tokens be sent to?"""

    name: str
    account: str


@dataclass(frozen=True, slots=True)
class Logins:
    """What may be shown of all logins, or of the one that is called `name`?"""

    name: str | None
    account: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the login `name` with so many seconds of life, not of the rejected generation."""

    name: str
    account: str
    min_validity: float
    rejected: int | None = None


@dataclass(frozen=True, slots=True)
class Headers:
    """What one request has to carry: for DPoP, whose key never leaves the agent (RFC 9449 §4)."""

    server: str
    account: str
    method: str
    url: str
    nonce: str | None = None
    refused: Secret | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Hold this access token, of the generation that is stored. Times as in `storage.access.Held`."""

    server: str
    account: str
    generation: int
    access_token: Secret
    token_type: str
    expires_in: int
    created_at: float
    mono: float
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop the access token of a login."""

    server: str
    account: str


@dataclass(frozen=True, slots=True)
class Status:
    """How are you?"""


@dataclass(frozen=True, slots=True)
class Lock:
    """Drop every token and the key, and answer nobody until `Unlock`."""


@dataclass(frozen=True, slots=True)
class Unlock:
    """Open the vault again, with this passphrase if that is what its key is made of."""

    told: Secret | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """End."""


Request = Find | Logins | Token | Headers | Adopt | Forget | Status | Lock | Unlock | Stop
_REQUESTS: dict[str, type[Request]] = {kind.__name__.lower(): kind for kind in get_args(Request)}
_TYPES = {kind: get_type_hints(kind) for kind in _REQUESTS.values()}


def encode_request(request: Request) -> bytes:
    """Return the JSON of a request; secrets in it are in clear, and go to a checked peer only."""
    members = {field.name: _plain(getattr(request, field.name)) for field in fields(request)}
    return json.dumps({"op": type(request).__name__.lower(), **members}).encode()


def decode_request(payload: bytes) -> Request:
    """Read a request, in words or in JSON.

    Raises:
        AgentUnavailable: It is no request of this version.
    """
    if not payload.startswith(b"{"):
        return _token_in_words(split_words(payload))
    members = _object(payload)
    kind = _REQUESTS.get(str(members.pop("op", "")))
    if kind is None or members.keys() != {field.name for field in fields(kind)}:
        raise AgentUnavailable("the agent does not know this request")
    return kind(**{name: _typed(value, _TYPES[kind][name]) for name, value in members.items()})


def _token_in_words(said: list[str]) -> Token:
    if len(said) != 4 or said[0] != "token":
        raise AgentUnavailable("the agent does not know this request")
    try:
        return Token(said[1], said[2], _typed(float(said[3]), float))
    except ValueError:
        raise AgentUnavailable("the seconds are no number") from None


def _typed(value: object, wanted: object) -> Any:
    """Return the value if it is of the field's type; JSON has one kind of number and no secrets."""
    allowed: tuple[Any, ...] = get_args(wanted) or (wanted,)
    if isinstance(value, str) and value and Secret in allowed:
        return Secret(value)
    if type(value) is int and int not in allowed and float in allowed:
        value = float(value) if abs(value) < 2**63 else math.inf
    if type(value) not in allowed:
        raise AgentUnavailable("a member of the request has the wrong type")
    if isinstance(value, float) and not math.isfinite(value):
        raise AgentUnavailable("a number of the request is not finite")
    return value


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


# --- replies ----------------------------------------------------------------------------------------------


def encode_reply(members: dict[str, Any]) -> bytes:
    """Return the JSON of an answer."""
    return json.dumps({"ok": members}).encode()


def encode_error(error: VacuumError) -> bytes:
    """Return the JSON of an error: its class, or the nearest public one, and what it was made of."""
    told = {name: value for name, value in vars(error).items() if value is None or isinstance(value, str)}
    kind = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    return json.dumps({"error": {**told, "class": kind.__name__}}).encode()


def decode_reply(payload: bytes) -> dict[str, Any]:
    """Return the members of an answer.

    Raises:
        VacuumError: The error that the agent met, as if it had been met here.
        AgentUnavailable: It is no reply of this version.
    """
    reply = _object(payload)
    if isinstance(told := reply.get("error"), dict):
        raise _error(told)
    if not isinstance(members := reply.get("ok"), dict):
        raise AgentUnavailable("the agent's reply makes no sense")
    return members


def _error(told: dict[str, Any]) -> VacuumError:
    told = {str(name): value for name, value in told.items() if value is None or isinstance(value, str)}
    kind = getattr(errors, told.pop("class", None) or "", None)
    if not (isinstance(kind, type) and issubclass(kind, VacuumError)) or not told.get("message"):
        return AgentUnavailable("the agent's error makes no sense")
    # Classes differ in what their constructors take, and agree in what they keep.
    error = kind.__new__(kind)
    Exception.__init__(error, told["message"])
    for name in ("message", "hint", "spec", "url"):
        setattr(error, name, told.pop(name, None))
    for name, value in told.items():
        if not hasattr(kind, name):  # what a class defines is not the sender's to say
            setattr(error, name, value)
    return error


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AgentUnavailable("what came over the agent's socket is no JSON object")
    return found
