"""The checks of the way to a server: pure, so every cause is written down here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_vacuum.doctor.certificate import Certificate
from mcp_vacuum.doctor.finding import Finding
from mcp_vacuum.doctor.hops import SOON, check_route
from mcp_vacuum.doctor.route import Route
from mcp_vacuum.doctor.surroundings import Proxy
from mcp_vacuum.errors import SecurityRefused

NOW = 1_800_000_000.0
CERTIFICATE = Certificate("Example CA", ("as.example",), NOW - 1000, NOW + 90 * 86400)
GOOD = Route(
    "as.example",
    443,
    True,
    addresses=("93.184.215.14",),
    connected=("93.184.215.14", 0.012),
    tls="TLSv1.3",
    certificate=CERTIFICATE,
)
PROXY = Proxy("https", "http://proxy.example:3128", authenticated=True)


def judged(route: Route) -> dict[str, Finding]:
    return {found.name: found for found in check_route(route, NOW)}


def test_a_way_without_trouble() -> None:
    found = judged(GOOD)

    assert {each.verdict for each in found.values()} == {"ok"}
    assert found["name"].what == "as.example is 93.184.215.14 (public)"
    assert found["connection"].what == "93.184.215.14 port 443, 12 ms"
    assert found["tls"].what == "TLSv1.3, trusted; for as.example, by Example CA, until 2027-04-15"


def test_plain_http_has_no_tls() -> None:
    assert "tls" not in judged(replace(GOOD, secure=False, tls=None))


@pytest.mark.parametrize(
    ("route", "failing", "exit_status", "words", "skipped"),
    [
        (
            Route("as.example", 443, True, name_trouble="no name server knows it"),
            "name",
            5,
            "no name server knows it",
            {"connection", "tls"},
        ),
        (
            Route("as.example", 443, True, refused=SecurityRefused("never contacted")),
            "name",
            4,
            "never contacted",
            {"connection", "tls"},
        ),
        (
            replace(GOOD, connected=None, tls=None, connect_troubles=(("93.184.215.14", "refused"),)),
            "connection",
            5,
            "93.184.215.14: refused",
            {"tls"},
        ),
        (
            replace(GOOD, proxy=PROXY, tls=None, tunnel_trouble="it wants a user name and password (407)"),
            "connection",
            5,
            "407",
            {"tls"},
        ),
        (
            Route("as.example", 443, True, proxy=Proxy("https", None, authenticated=False)),
            "proxy-used",
            2,
            "no http proxy",
            {"connection", "tls"},
        ),
    ],
    ids=["name", "forbidden", "refused", "tunnel", "no proxy"],
)
def test_a_hop_that_fails_says_why_and_stops_what_depends_on_it(
    route: Route, failing: str, exit_status: int, words: str, skipped: set[str]
) -> None:
    found = judged(route)

    assert (found[failing].verdict, found[failing].exit_status) == ("fail", exit_status)
    assert words in found[failing].what + found[failing].why
    assert {name for name, each in found.items() if each.verdict == "skipped"} == skipped


@pytest.mark.parametrize(
    ("code", "trouble", "fix"),
    [
        (10, "certificate has expired", "renew"),
        (9, "certificate is not yet valid", "this clock is wrong"),
        (18, "self-signed certificate", "SSL_CERT_FILE"),
        (20, "unable to get local issuer certificate", "SSL_CERT_FILE"),
        (62, "hostname mismatch", "check the host of the URL"),
        (None, "it does not speak TLS on this port", "check the scheme and port"),
    ],
)
def test_why_a_certificate_is_not_trusted(code: int | None, trouble: str, fix: str) -> None:
    found = judged(replace(GOOD, tls=None, tls_trouble=trouble, tls_code=code))["tls"]

    assert (found.verdict, found.exit_status) == ("fail", 5)
    assert trouble in found.what
    assert fix in found.fix
    assert "by Example CA" in found.why


def test_a_certificate_that_ends_soon() -> None:
    found = judged(replace(GOOD, certificate=replace(CERTIFICATE, not_after=NOW + SOON - 1)))["tls"]

    assert (found.verdict, found.why) == ("warn", "it ends soon")


def test_a_name_that_only_the_proxy_resolves() -> None:
    found = judged(replace(GOOD, proxy=PROXY, addresses=(), name_trouble="no name server knows it"))

    assert found["name"].what == "as.example does not resolve here; the proxy resolves it"
    assert found["proxy-used"].what.startswith("http://proxy.example:3128")
    assert found["connection"].what == "through http://proxy.example:3128"


def test_an_address_that_was_tried_in_vain() -> None:
    found = judged(replace(GOOD, connect_troubles=(("2001:db8::1", "no answer within 5 s"),)))

    assert (found["connection"].verdict, "2001:db8::1" in found["connection"].why) == ("warn", True)


def test_loopback_says_why_it_has_no_proxy() -> None:
    assert "never proxied" in judged(replace(GOOD, host="127.0.0.1"))["proxy-used"].what
