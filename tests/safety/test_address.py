from __future__ import annotations

import itertools
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.safety.address import (
    Reach,
    is_localhost,
    is_loopback_host,
    permitted,
    reach_of,
    reach_of_address,
    reach_of_name,
)

PUBLIC, PRIVATE, LOOPBACK, FORBIDDEN = Reach

ADDRESSES = {
    PUBLIC: [
        "8.8.8.8",
        "1.1.1.1",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.1.1",
        "11.0.0.1",
        "2606:4700:4700::1111",
        "2a00:1450:4001:800::200e",
    ],
    PRIVATE: [
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "fc00::1",
        "fd12:3456::1",
    ],
    LOOPBACK: ["127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1"],
    FORBIDDEN: [
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "255.255.255.255",
        "240.0.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "ff0e::1",
        "198.18.0.1",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "2001:db8::1",
        "100::1",
        "fec0::1",
        "4000::1",
        "5f00::1",
        "::ffff:0:7f00:1",
    ],
}
METADATA = {
    "AWS, Google, Azure and most others": "169.254.169.254",
    "AWS containers": "169.254.170.2",
    "AWS on IPv6": "fd00:ec2::254",
    "Google on IPv6": "fd20:ce::254",
    "Oracle": "192.0.0.192",
    "Oracle on IPv6": "fd00:c1::a9fe:a9fe",
    "Alibaba": "100.100.100.200",
    "Azure's wire server": "168.63.129.16",
    "Scaleway": "169.254.42.42",
    "Scaleway on IPv6": "fd00:42::42",
}
DISGUISES = {
    "mapped": "::ffff:{v4}",
    "mapped, in hex": "::ffff:{hex}",
    "compatible": "::{v4}",
    "NAT64": "64:ff9b::{v4}",
    "NAT64 of a local prefix": "64:ff9b:1::{v4}",
    "6to4": "2002:{hex}::1",
}


def dressed(address: str, pattern: str) -> str:
    number = int(IPv4Address(address))
    return pattern.format(v4=address, hex=f"{number >> 16:x}:{number & 0xFFFF:x}")


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "reach"), [(address, reach) for reach, some in ADDRESSES.items() for address in some]
    )
    def test_each_has_its_class(self, address: str, reach: Reach) -> None:
        assert reach_of_address(address) is reach

    @pytest.mark.parametrize("address", METADATA.values(), ids=METADATA.keys())
    def test_a_cloud_metadata_service_is_never_contacted(self, address: str) -> None:
        assert reach_of_address(address) is FORBIDDEN

    @pytest.mark.parametrize("pattern", DISGUISES.values(), ids=DISGUISES.keys())
    @pytest.mark.parametrize(
        ("address", "reach"),
        [
            ("8.8.8.8", PUBLIC),
            ("10.1.2.3", PRIVATE),
            ("100.64.0.9", PRIVATE),
            ("127.0.0.1", LOOPBACK),
            ("169.254.169.254", FORBIDDEN),
            ("100.100.100.200", FORBIDDEN),
            ("224.0.0.1", FORBIDDEN),
        ],
    )
    def test_an_address_inside_another_counts(self, address: str, reach: Reach, pattern: str) -> None:
        assert reach_of_address(dressed(address, pattern)) is reach

    @pytest.mark.parametrize(
        ("address", "reach"),
        [
            ("64:ff9b:1:a00:0:500::", FORBIDDEN),
            ("64:ff9b:1:a00:0:500:808:808", FORBIDDEN),
            ("64:ff9b:1:a:0:5:808:808", FORBIDDEN),
            ("64:ff9b:1:0:a:0:808:808", FORBIDDEN),
        ],
    )
    def test_a_translator_of_ones_own_may_read_another_one(self, address: str, reach: Reach) -> None:
        """RFC 6052 §2.2: /48, /56 and /64 put the IPv4 address before the end; the worst one counts."""
        assert reach_of_address(address) is reach

    @pytest.mark.parametrize(
        "text", ["", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "1.2.3", "::g"]
    )
    def test_what_is_no_address_is_said(self, text: str) -> None:
        with pytest.raises(ValueError):
            reach_of_address(text)

    @given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
    def test_every_address_has_a_class(self, address: IPv4Address | IPv6Address) -> None:
        assert reach_of_address(str(address)) in Reach

    @given(st.ip_addresses(v=6))
    def test_of_ipv6_only_2000_3_is_public(self, address: IPv6Address) -> None:
        if reach_of_address(str(address)) is PUBLIC:
            wrapped = address.ipv4_mapped is not None or int(address) >> 80 in (
                0,
                0x64FF9B << 16,
                0x64FF9B0001,
            )
            assert int(address) >> 125 == 1 or wrapped


class TestNames:
    @pytest.mark.parametrize(
        ("name", "reach"),
        [
            ("example.com", PUBLIC),
            ("internal", PUBLIC),
            ("notlocalhost", PUBLIC),
            ("localhost.example.com", PUBLIC),
            ("local.example", PUBLIC),
            ("db.internal", PRIVATE),
            ("DB.Internal.", PRIVATE),
            ("printer.local", PRIVATE),
            ("localhost", LOOPBACK),
            ("LOCALHOST.", LOOPBACK),
            ("app.localhost", LOOPBACK),
            ("metadata.google.internal", FORBIDDEN),
            ("Metadata.Google.Internal.", FORBIDDEN),
            ("metadata.goog", FORBIDDEN),
            ("metadata", FORBIDDEN),
            ("instance-data", FORBIDDEN),
        ],
    )
    def test_a_name_implies_a_reach(self, name: str, reach: Reach) -> None:
        assert reach_of_name(name) is reach

    @pytest.mark.parametrize(
        ("host", "addresses", "reach"),
        [
            ("example.com", ["8.8.8.8"], PUBLIC),
            ("example.com", [], PUBLIC),
            ("example.com", ["8.8.8.8", "10.0.0.1"], PRIVATE),
            ("example.com", ["8.8.8.8", "127.0.0.1"], LOOPBACK),
            ("example.com", ["::ffff:169.254.169.254", "8.8.8.8"], FORBIDDEN),
            ("db.internal", ["8.8.8.8"], PRIVATE),
            ("metadata.google.internal", ["8.8.8.8"], FORBIDDEN),
        ],
    )
    def test_the_least_public_of_name_and_answers_counts(
        self, host: str, addresses: list[str], reach: Reach
    ) -> None:
        assert reach_of(host, addresses) is reach

    @pytest.mark.parametrize("host", ["localhost", "a.LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
    def test_hosts_that_are_loopback_without_asking_anybody(self, host: str) -> None:
        assert is_loopback_host(host)

    @pytest.mark.parametrize(
        "host", ["", "localhos", "127.0.0.1.example", "128.0.0.1", "0.0.0.0", "2130706433"]
    )
    def test_hosts_that_are_not(self, host: str) -> None:
        assert not is_loopback_host(host)

    def test_an_address_is_not_the_name_localhost(self) -> None:
        assert not is_localhost("127.0.0.1")


TABLE = {
    # (target, own): (without, with --allow-private-network)
    (PUBLIC, PUBLIC): (True, True),
    (PUBLIC, PRIVATE): (True, True),
    (PUBLIC, LOOPBACK): (True, True),
    (PRIVATE, PUBLIC): (False, True),
    (PRIVATE, PRIVATE): (True, True),
    (PRIVATE, LOOPBACK): (False, True),
    (LOOPBACK, PUBLIC): (False, False),
    (LOOPBACK, PRIVATE): (False, False),
    (LOOPBACK, LOOPBACK): (True, True),
    (FORBIDDEN, PUBLIC): (False, False),
    (FORBIDDEN, PRIVATE): (False, False),
    (FORBIDDEN, LOOPBACK): (False, False),
}


class TestWhoMayPointWhere:
    """MCP security best practices, "Block Private IP Ranges"; DESIGN §10."""

    @pytest.mark.parametrize(("pair", "verdicts"), TABLE.items())
    def test_the_table(self, pair: tuple[Reach, Reach], verdicts: tuple[bool, bool]) -> None:
        target, own = pair

        assert (permitted(target, own), permitted(target, own, allow_private=True)) == verdicts

    def test_the_table_is_whole(self) -> None:
        assert set(TABLE) == set(itertools.product(Reach, [PUBLIC, PRIVATE, LOOPBACK]))

    def test_the_words_are_those_of_the_records(self) -> None:
        assert [reach.word for reach in Reach] == ["public", "private", "loopback", "forbidden"]
