from __future__ import annotations

import pytest

from mcp_vacuum.protocol.scopes import choose_scope, union


@pytest.mark.parametrize(
    ("scopes", "joined"),
    [
        ((), None),
        ((None, "", " "), None),
        (("a b", None, "b c"), "a b c"),
        (("c a", "b a"), "c a b"),
        ((" a  a ",), "a"),
    ],
)
def test_a_union_holds_each_word_once_in_order(scopes: tuple[str | None, ...], joined: str | None) -> None:
    assert union(*scopes) == joined


@pytest.mark.parametrize(
    ("wanted", "challenged", "resource", "server", "chosen"),
    [
        ((), None, None, None, None),
        ((), None, (), (), None),
        (("w",), "c", ("r",), ("s",), "w"),
        (("w", "v w"), "c", None, None, "w v"),
        ((), "c d", ("r",), ("s",), "c d"),
        ((), "", ("r",), ("s",), "r"),
        ((), None, ("r", "q"), ("s",), "r q"),
        ((), None, None, ("s",), None),
        ((), None, None, ("s", "offline_access"), "offline_access"),
        (("w",), None, None, ("offline_access",), "w offline_access"),
        ((), "c", ("offline_access",), ("s",), "c"),
        ((), "c offline_access", None, ("offline_access",), "c offline_access"),
        ((), None, ("offline_access", "r"), ("offline_access",), "offline_access r"),
    ],
)
def test_wish_then_challenge_then_resource_then_nothing(
    wanted: tuple[str, ...],
    challenged: str | None,
    resource: tuple[str, ...] | None,
    server: tuple[str, ...] | None,
    chosen: str | None,
) -> None:
    scope = choose_scope(wanted=wanted, challenged=challenged, resource_scopes=resource, server_scopes=server)

    assert scope == chosen
