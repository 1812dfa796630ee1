"""Looks for secrets in files: as they are, in hex, and in base64 at any of its three alignments."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path


def find_leaks(root: Path, secrets: list[tuple[str, str]]) -> list[str]:
    """Every place under `root` where a secret stands: "kind as form in file"."""
    needles = [
        (f"{kind} as {form}", needle) for kind, value in secrets for form, needle in disguises(value.encode())
    ]
    return [
        f"{what} in {path.relative_to(root)}"
        for path in _files(root)
        for what, needle in needles
        if needle in path.read_bytes()
    ]


def disguises(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """(form, bytes) of each way in which a secret may stand in a file."""
    yield "plain", secret
    yield "hex", secret.hex().encode()
    yield "HEX", secret.hex().upper().encode()
    for offset in range(3):
        yield f"base64 at offset {offset}", _inner_base64(secret, offset, b64encode)
        yield f"base64url at offset {offset}", _inner_base64(secret, offset, urlsafe_b64encode)


def _inner_base64(secret: bytes, offset: int, encode: Callable[[bytes], bytes]) -> bytes:
    """The characters of base64(`offset` bytes + secret + more) that depend on the secret alone."""
    encoded = encode(bytes(offset) + secret)
    first = -(-offset * 8 // 6)  # the character that the bytes before have a part in is left out
    last = (offset + len(secret)) * 8 // 6  # and so is the one that the bytes after have a part in
    return encoded[first:last]


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
