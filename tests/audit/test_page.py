"""Pages that ask a person for something, and their cookies."""

from __future__ import annotations

import pytest

from mcp_vacuum.audit.page import Page, lacks
from mcp_vacuum.audit.rule import Severity
from tests.audit.made import answered

FORM = b"<form method=post><input type=password></form>"
SAFE = (("x-frame-options", "DENY"), ("referrer-policy", "no-referrer"))


def flaws(
    body: bytes = FORM, headers: tuple[tuple[str, str], ...] = SAFE
) -> list[tuple[Severity | None, str]]:
    page = Page.of(answered(200, body, headers=headers, media_type="text/html"))
    assert page is not None
    return list(page.flaws())


def test_what_asks_for_nothing_is_no_page() -> None:
    assert Page.of(answered(200, b"<p>hello", media_type="text/html")) is None
    assert Page.of(answered(400, FORM, media_type="text/html")) is None
    assert Page.of(answered(200, FORM, media_type="application/json")) is None


@pytest.mark.parametrize(
    "header",
    [
        ("x-frame-options", "SAMEORIGIN"),
        ("content-security-policy", "default-src 'self'; Frame-Ancestors 'none'"),
        ("content-security-policy", "frame-ancestors https://own.example"),
    ],
)
def test_a_page_that_cannot_be_framed(header: tuple[str, str]) -> None:
    assert flaws(headers=(header, SAFE[1])) == []


@pytest.mark.parametrize(
    "header",
    [
        ("x-frame-options", "ALLOW-FROM https://x.example"),
        ("content-security-policy", "default-src 'none'"),
        ("content-security-policy", "frame-ancestors *"),
        ("content-security-policy", "frame-ancestors https:"),
    ],
)
def test_a_page_that_can(header: tuple[str, str]) -> None:
    assert [severity for severity, _ in flaws(headers=(header, SAFE[1]))] == [None]


def test_what_is_loaded_from_elsewhere() -> None:
    body = (
        FORM
        + b"<script src='//cdn.example/x.js'></script><img src=/own.png><a href='https://link.example'>x</a>"
    )

    assert flaws(body) == [(Severity.LOW, "it loads something from https://cdn.example")]
    assert flaws(FORM + b"<img src='https://[broken'>") == []


@pytest.mark.parametrize(
    ("line", "encrypted", "missing"),
    [
        ("__Host-c=1; Path=/; Secure; HttpOnly; SameSite=Lax", True, ()),
        ("c=1; httponly; samesite=strict", False, ()),
        ("c=1; HttpOnly; SameSite=Lax", True, ("Secure", "the prefix __Host-")),
        ("c=1; SameSite=None", False, ("HttpOnly", "SameSite=Lax")),
    ],
)
def test_what_a_cookie_lacks(line: str, encrypted: bool, missing: tuple[str, ...]) -> None:
    assert lacks(line, encrypted=encrypted) == missing
