"""A value that nobody sees by accident."""

from __future__ import annotations

import hmac


class Secret:
    """A token, client secret, code or verifier.

    `repr`, `str`, `format`, logs and tracebacks show ``***`` and a short digest that tells two secrets
    apart; only `reveal()` gives the value. Pickling is refused: a pickle is a file in waiting.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`; it must not be empty."""
        if not value:
            raise ValueError("a secret cannot be empty")
        self._value = value

    def reveal(self) -> str:
        """Return the value. Call it where the value is sent or sealed, nowhere else."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            other = other._value
        if not isinstance(other, str):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other))

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({shown(self._value)})"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled")


def shown(value: str) -> str:
    """What may be shown of a secret: ``***`` and 24 bits of its SHA-256, enough to tell two apart."""
    from hashlib import sha256

    return f"***{sha256(_bytes(value)).hexdigest()[:6]}"


def _bytes(value: str) -> bytes:
    """Encode whatever came; the error of a strict encoder would carry the value."""
    return value.encode(errors="surrogatepass")


def wrapped(value: str | Secret | None) -> Secret | None:
    """Wrap what a caller gave, once; None and the empty string stay nothing."""
    if isinstance(value, Secret) or not value:
        return value or None
    return Secret(value)


def readable_in(content: bytes, secret: str) -> bool:
    """True if `secret` stands in `content`: plain, in hex, or in any base64 alignment."""
    from base64 import b64encode

    plain = secret.encode()
    forms = [plain, plain.hex().encode()]
    forms += [b64encode(b"\0" * shift + plain)[4:-4] for shift in range(3)]
    return any(form in content for form in forms)
