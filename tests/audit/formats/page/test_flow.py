"""The messages, drawn one after the other, each finding at its arrow."""

from __future__ import annotations

from mcp_vacuum.audit.formats.html import render
from mcp_vacuum.audit.formats.page.flow import anchor
from tests.audit.made import answered
from tests.audit.planted.server import audited


def test_each_exchange_has_its_anchor() -> None:
    assert anchor("a-", answered(number=7)) != anchor("b-", answered(number=7))
    assert anchor("a-", answered(number=7)) != anchor("a-", answered(number=8))


def test_a_finding_stands_at_the_message_that_shows_it() -> None:
    report = audited(no_pkce_advertised=True)
    text = render([report])
    metadata = next(each for each in report.exchanges if "oauth-authorization-server" in each.url)
    drawn = text.index(f'id="{anchor("", metadata)}"')
    following = text.index("AS-PKCE-01", drawn)

    assert following - drawn < 3000


def test_every_exchange_is_drawn() -> None:
    report = audited()
    text = render([report])

    assert all(f'id="{anchor("", each)}"' in text for each in report.exchanges)


def test_a_mark_says_what_it_is_about() -> None:
    text = render([audited(no_pkce_advertised=True)])

    assert "<code>code_challenge_methods_supported: </code>it is missing" in text
