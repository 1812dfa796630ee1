"""Sealing: a record becomes ciphertext that names itself, and comes back as the same typed record.

The blob is ``mcpv1:`` and a Fernet token over compact JSON. The JSON repeats the key and generation of its
row, so a blob that was moved to another row, or an old one put back, does not open. The JSON's own version
`v` counts changes of meaning; `MIGRATIONS` brings older ones forward.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

from mcp_vacuum.errors import RecordDamaged, StorageError
from mcp_vacuum.models import Attempt, ClientCredentials, Credential
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.base import RecordKey, SealedRecord
from mcp_vacuum.storage.cipher import Cipher

PREFIX = b"mcpv1:"
NEWER = re.compile(rb"mcpv[0-9]+:")
VERSION = 1

R = TypeVar("R", Credential, ClientCredentials, Attempt)
Body = dict[str, Any]
Decoder = Callable[[Any], Any]
Migration = Callable[[Body], Body]
MIGRATIONS: dict[int, Migration] = {}
"""Version of a record's body to the function that makes the next version of it."""


class _Plan(NamedTuple):
    """How a dataclass becomes JSON and comes back.

    Attributes:
        names, known, values, setters: Of its fields, in their order and as a set.
        defaults: By name, of the fields that have one.
        nothing: In the fields' order, the default that says that there is nothing, such as None. It is not
            written down: most of a record is that. Unequal to anything where a field has no such default.
        decoders: What makes a field's value, where JSON has not the very type.
    """

    names: tuple[str, ...]
    known: frozenset[str]
    values: Callable[[Any], tuple[Any, ...]]
    setters: tuple[tuple[str, Callable[[Any, Any], None]], ...]
    defaults: Body
    nothing: tuple[object, ...]
    decoders: dict[str, Decoder]


_ALWAYS = object()
_plans: dict[str, _Plan] = {}
_compact = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def seal(plain: Mapping[str, Any], key: RecordKey, generation: int, cipher: Cipher) -> SealedRecord:
    """Encrypt a record's body together with the name of its row."""
    envelope = {
        "v": VERSION,
        "kind": key.kind,
        "name": key.name,
        "account": key.account,
        "generation": generation,
        "body": plain,
    }
    return SealedRecord(PREFIX + cipher.encrypt(_compact(envelope).encode()))


def open_sealed(sealed: SealedRecord, key: RecordKey, generation: int, cipher: Cipher) -> Body:
    """Decrypt a record's body and check that it belongs to the row in which it was found.

    Raises:
        RecordDamaged: It does not open, is not ours, or names another row or generation.
        StorageError: A newer mcp-vacuum wrote it.
    """
    envelope = _decrypted(sealed, key, cipher)
    if not _labelled(envelope, key, generation):
        raise damaged(key, "what it contains belongs to another record")
    body = envelope.get("body")
    if not isinstance(body, dict):
        raise damaged(key, "it has no body")
    return _forward(body, envelope.get("v"), key)


def reseal(sealed: SealedRecord, key: RecordKey, cipher: Cipher) -> SealedRecord | None:
    """Return the same record under the cipher's first key; None if it does not open.

    Raises:
        StorageError: A newer mcp-vacuum sealed it, in a way that this one does not know.
    """
    if not sealed.startswith(PREFIX):
        refuse_newer(sealed, key)
        return None
    plain = cipher.decrypt(sealed[len(PREFIX) :])
    return None if plain is None else SealedRecord(PREFIX + cipher.encrypt(plain))


def refuse_newer(sealed: bytes, key: RecordKey) -> None:
    """Pass what does not begin as a newer version's record would.

    Raises:
        StorageError: A newer mcp-vacuum sealed it, in a way that this one does not know.
    """
    if NEWER.match(sealed) and not sealed.startswith(PREFIX):
        raise _newer(key)


def damaged(key: RecordKey, why: str) -> RecordDamaged:
    """Return the error for a record that does not open although the vault's key is right."""
    named = key.name if key.account in ("", "default") else f"{key.name} (account {key.account})"
    noun = "client registration" if key.kind == "client" else "login"
    return RecordDamaged(
        f"the stored {noun} for {named} cannot be opened: {why}; it is kept as it is",
        hint=f"restore it from a backup, or `mcp-vacuum logout {key.name}` sets it aside for a new login",
        url=key.name,
    )


def credential_to_dict(credential: Credential) -> Body:
    """Return a login as JSON values, secrets included: for sealing only."""
    return _to_dict(credential)


def credential_from_dict(body: Mapping[str, Any]) -> Credential:
    """Return the login that `credential_to_dict` wrote; members of newer versions are passed over.

    Raises:
        ValueError: A member is missing or has the wrong shape.
    """
    return _from_dict(Credential, body)


def client_to_dict(client: ClientCredentials) -> Body:
    """Return a client registration as JSON values, secrets included: for sealing only."""
    return _to_dict(client)


def client_from_dict(body: Mapping[str, Any]) -> ClientCredentials:
    """Return the registration that `client_to_dict` wrote; see `credential_from_dict`."""
    return _from_dict(ClientCredentials, body)


def _labelled(envelope: Body, key: RecordKey, generation: int) -> bool:
    return (
        envelope.get("generation") == generation
        and envelope.get("name") == key.name
        and envelope.get("account") == key.account
        and envelope.get("kind") == key.kind
    )


def _decrypted(sealed: bytes, key: RecordKey, cipher: Cipher) -> Body:
    if not sealed.startswith(PREFIX):
        refuse_newer(sealed, key)
        raise damaged(key, "it is not a sealed record")
    plain = cipher.decrypt(sealed[len(PREFIX) :])
    if plain is None:
        raise damaged(key, "its content was changed")
    try:
        envelope = json.loads(plain.decode())  # of bytes, json would first guess at their encoding
    except (ValueError, RecursionError):  # without a cause: its text may hold what was sealed
        raise damaged(key, "it is not JSON") from None
    return envelope if isinstance(envelope, dict) else {}


def _forward(body: Body, version: object, key: RecordKey) -> Body:
    if not isinstance(version, int) or version > VERSION:
        raise _newer(key)
    if version < 1:
        raise damaged(key, "it has no version")
    for step in range(version, VERSION):
        body = MIGRATIONS[step](body)
    return body


def _newer(key: RecordKey) -> StorageError:
    return StorageError(
        f"the record of {key.name} was written by a newer mcp-vacuum", hint="pip install -U mcp-vacuum"
    )


def _to_dict(record: Credential | ClientCredentials | Attempt) -> Body:
    plan = _plan(type(record))
    values = zip(plan.names, plan.values(record), plan.nothing, strict=True)
    body: Body = {name: value for name, value, nothing in values if value != nothing}
    for name in body.keys() & plan.decoders.keys():
        body[name] = _plain(body[name])
    return body


def _plain(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, (ClientCredentials, Attempt)):
        return _to_dict(value)
    return value


def _from_dict(kind: type[R], body: Mapping[str, Any]) -> R:
    plan = _plan(kind)
    try:
        known = dict(body) if body.keys() <= plan.known else _known(plan, body)
        for name, decode in plan.decoders.items():
            if known.get(name) is not None:
                known[name] = decode(known[name])
        return _made(kind, plan, known)
    except (TypeError, AttributeError, KeyError) as caught:
        raise ValueError(f"it is not a {kind.__name__} ({type(caught).__name__})") from None


def _made(kind: type[R], plan: _Plan, values: Body) -> R:
    # The constructor of a frozen dataclass takes six times as long, and most of the time to read a record.
    values = plan.defaults | values
    made = object.__new__(kind)
    for name, put in plan.setters:
        put(made, values[name])
    return made


def _known(plan: _Plan, body: Mapping[str, Any]) -> Body:
    return {name: body[name] for name in plan.names if name in body}


def _plan(kind: type[Any]) -> _Plan:
    # Derived from the dataclass itself: a field added to models.py is sealed and opened from then on.
    plan = _plans.get(kind.__name__)
    if plan is None:
        hints = get_type_hints(kind)
        names = tuple(field.name for field in fields(kind))
        setters = tuple((name, getattr(kind, name).__set__) for name in names)
        defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
        nothing = tuple(defaults[name] if not defaults.get(name, True) else _ALWAYS for name in names)
        decoders = {name: decode for name in names if (decode := _decoder(hints[name]))}
        plan = _Plan(names, frozenset(names), attrgetter(*names), setters, defaults, nothing, decoders)
        _plans[kind.__name__] = plan
    return plan


def _decoder(hint: Any) -> Decoder | None:
    """Return what makes a field's value of its JSON value; None where JSON has the very type."""
    named = {hint, *get_args(hint)}
    if Secret in named:
        return Secret
    if tuple in {getattr(each, "__origin__", None) for each in named}:
        return tuple
    nested: Any = named & {ClientCredentials, Attempt}
    return partial(_from_dict, nested.pop()) if nested else None
