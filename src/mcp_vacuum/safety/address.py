"""How public an address is, and who may point to it (MCP security best practices, "Block Private IP Ranges").

A server may only point to addresses at least as public as its own. Link-local, unspecified, multicast,
reserved and cloud metadata addresses are never contacted, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address


class Reach(IntEnum):
    """How far an address is from the open internet; a larger number is less public."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    FORBIDDEN = 3

    @property
    def word(self) -> str:
        """The name that records and messages use."""
        return self.name.lower()


_PRIVATE = tuple(
    ip_network(block)
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
    )
)
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "metadata", "instance-data"})
_NAT64 = ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_LAYOUTS: tuple[Callable[[int], int], ...] = (
    lambda bits: (bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF,  # /48
    lambda bits: (bits >> 64 & 0xFF) << 24 | bits >> 32 & 0xFFFFFF,  # /56
    lambda bits: bits >> 24 & 0xFFFFFFFF,  # /64
    lambda bits: bits & 0xFFFFFFFF,  # /96
)
"""Where a translator of the local network may have put the IPv4 address (RFC 6052 §2.2, RFC 8215)."""
_V4_COMPATIBLE = ip_network("::/96")
_UNICAST = (ip_network("0.0.0.0/0"), ip_network("2000::/3"))
"""Where public addresses are: of IPv6 nothing else is allocated, the rest is reserved (RFC 4291 §2.4)."""


def unwrap(address: Address) -> tuple[Address, ...]:
    """Return the IPv4 addresses that a mapped, compatible, NAT64 or 6to4 form may mean, else `address`.

    Which of several a translator of the local network reads depends on its prefix, which is not ours to know.
    """
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address in _NAT64 or (address in _V4_COMPATIBLE and int(address) > 1):
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address in _LOCAL_NAT64:
        plain = int(address) >> 32 == int(_LOCAL_NAT64.network_address) >> 32
        layouts = _LAYOUTS[-1:] if plain else _LAYOUTS
        return tuple(IPv4Address(layout(int(address))) for layout in layouts)
    return (address,)


@lru_cache(maxsize=1024)
def reach_of_address(text: str) -> Reach:
    """Classify one literal address: of several that it may mean, the least public one counts.

    Raises:
        ValueError: `text` is no IP address.
    """
    return max(map(_reach, unwrap(ip_address(text.partition("%")[0]))))


def _reach(address: Address) -> Reach:
    if address in _METADATA:
        return Reach.FORBIDDEN
    if address.is_loopback:
        return Reach.LOOPBACK
    if any(address in net for net in _PRIVATE):
        return Reach.PRIVATE
    unicast = any(address in net for net in _UNICAST) and not address.is_multicast
    return Reach.PUBLIC if unicast and address.is_global else Reach.FORBIDDEN


def reach_of_name(host: str) -> Reach:
    """The least public reach that a name alone implies; a plain name implies nothing (PUBLIC)."""
    name = host.lower().rstrip(".")
    if name in _METADATA_NAMES:
        return Reach.FORBIDDEN
    if is_localhost(name):
        return Reach.LOOPBACK
    if name.endswith((".internal", ".local")):
        return Reach.PRIVATE
    return Reach.PUBLIC


def is_localhost(host: str) -> bool:
    """True for ``localhost`` and names under it (RFC 6761 §6.3)."""
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def is_loopback_host(host: str) -> bool:
    """True for ``localhost`` and for literal loopback addresses; no name is resolved."""
    if is_localhost(host):
        return True
    try:
        return reach_of_address(host.strip("[]")) is Reach.LOOPBACK
    except ValueError:
        return False


def reach_of(host: str, addresses: list[str]) -> Reach:
    """Classify a host by its name and all of its answers: the least public one counts."""
    return max([reach_of_name(host), *(reach_of_address(address) for address in addresses)])


def permitted(target: Reach, own: Reach, *, allow_private: bool = False) -> bool:
    """May a server whose own reach is `own` point to `target`?

    Args:
        target: Where the request would go.
        own: The reach of the server that named it.
        allow_private: The person allowed private addresses for this login.
    """
    if target is Reach.FORBIDDEN:
        return False
    if target is Reach.PRIVATE:
        return own is Reach.PRIVATE or allow_private
    return target <= own
