"""The first message of a TLS client, for versions and suites that no TLS library of today offers. Pure.

Only the first answer is read: a server that sends its ServerHello has agreed, whatever it would say later.
"""

from __future__ import annotations

from typing import Literal

Answer = Literal["agreed", "refused", "unclear"]

VERSIONS = {
    "SSL 3.0": b"\x03\x00",
    "TLS 1.0": b"\x03\x01",
    "TLS 1.1": b"\x03\x02",
    "TLS 1.2": b"\x03\x03",
}
BROKEN = (
    *(0x0001, 0x0002, 0x003B, 0xC006, 0xC010),
    *(0x0004, 0x0005, 0x000A, 0xC007, 0xC008, 0xC011, 0xC012),
    *(0x0018, 0x0034, 0x006C, 0xC018, 0xC019),
)
"""Without encryption, with RC4 or 3DES, without a certificate (RFC 9325 §4.1)."""
DATED = (
    *(0x002F, 0x0035, 0x003C, 0x003D, 0x009C, 0x009D),
    *(0xC009, 0xC00A, 0xC013, 0xC014, 0xC023, 0xC027, 0xC028),
)
"""Key transport by RSA, or CBC: still widespread, and no longer recommended (RFC 9325 §4.2)."""
ANY = (0xC02B, 0xC02C, 0xC02F, 0xC030, 0x009E, 0x009F, *DATED, 0x0004, 0x0005, 0x000A)
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019)
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
_HANDSHAKE, _SERVER_HELLO = 22, 2


def client_hello(version: str, suites: tuple[int, ...], host: str, random: bytes) -> bytes:
    """Return the record that offers one version and these suites.

    Args:
        version: A key of `VERSIONS`; nothing newer is offered.
        suites: IANA numbers.
        host: For the server name; left out where it is an address (RFC 6066 §3).
        random: 32 bytes.
    """
    number = VERSIONS[version]
    body = number + random + b"\x00" + _vector(2, _numbers(suites)) + b"\x01\x00"
    if version != "SSL 3.0":
        body += _vector(2, _extensions(version, host))
    message = b"\x01" + _vector(3, body)
    return bytes([_HANDSHAKE]) + min(number, b"\x03\x01") + _vector(2, message)


def answer_to(version: str, received: bytes) -> Answer:
    """Say what the first bytes of an answer mean; at least 11 are wanted, none is a closed connection."""
    if len(received) < 11:
        return "refused" if not received or received[0] == 21 else "unclear"
    if received[0] != _HANDSHAKE or received[5] != _SERVER_HELLO:
        return "refused"
    return "agreed" if received[9:11] == VERSIONS[version] else "refused"


def _extensions(version: str, host: str) -> bytes:
    parts = [
        _extension(10, _vector(2, _numbers(_GROUPS))),
        _extension(11, _vector(1, b"\x00")),
    ]
    if host and not host.replace(".", "").isdigit() and ":" not in host:
        name = b"\x00" + _vector(2, host.encode())
        parts.insert(0, _extension(0, _vector(2, name)))
    if version == "TLS 1.2":
        parts.append(_extension(13, _vector(2, _numbers(_SIGNATURES))))
    return b"".join(parts)


def _extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2) + _vector(2, data)


def _vector(width: int, data: bytes) -> bytes:
    return len(data).to_bytes(width) + data


def _numbers(values: tuple[int, ...]) -> bytes:
    return b"".join(value.to_bytes(2) for value in values)
