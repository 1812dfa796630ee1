"""How much may come back, how long it may take, and how deep a document may be (DESIGN: strict by default).

Sizes are bytes, times are seconds.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DOCUMENT = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 20_000
METADATA_TIMEOUT = 10.0
DISCOVERY_TIMEOUT = 20.0
"""For one whole discovery: the first answers, both documents, and every redirect."""
TOKEN_TIMEOUT = 15.0
PROBE_TIMEOUT = 10.0
MAX_REDIRECTS = 3
PERSON_TIMEOUT = 300.0

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?', re.DOTALL)
"""An unterminated string matches too, or every quote in it would be a new start and the time quadratic."""


class NotADocument(ValueError):
    """The body is not a JSON object within the limits; the text says why."""


def load_document(body: bytes) -> dict[str, Any]:
    """Parse one JSON object within the limits, whatever its content type says.

    Raises:
        NotADocument: Not JSON, not an object, too large, too deep, too many values, a doubled key.
    """
    if len(body) > MAX_DOCUMENT:
        raise NotADocument(f"larger than {MAX_DOCUMENT} bytes")
    _check_shape(body)
    try:
        text = body.decode("utf-8-sig")  # RFC 8259 §8.1: nothing else, or the shape was another one
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except NotADocument:
        raise
    except (ValueError, RecursionError):
        raise NotADocument("not JSON") from None
    if not isinstance(document, dict):
        raise NotADocument("not a JSON object")
    return document


def _check_shape(body: bytes) -> None:
    """Bound depth and count before the parser builds anything."""
    skeleton = _STRINGS.sub(b"", body)
    if skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{") > MAX_VALUES:
        raise NotADocument(f"more than {MAX_VALUES} values")
    depth = 0
    for char in re.findall(rb"[\[\]{}]", skeleton):
        depth += 1 if char in b"[{" else -1
        if depth > MAX_DEPTH:
            raise NotADocument(f"nested deeper than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise NotADocument("a key appears twice")
    return document


def _no_constant(name: str) -> Any:
    raise NotADocument(f"{name} is not JSON")
