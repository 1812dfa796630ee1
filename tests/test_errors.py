from __future__ import annotations

import re

import pytest

from mcp_vacuum import errors
from mcp_vacuum.errors import LoginRequired, OAuthError, VacuumError

_LINE = re.compile(r"^(?P<lead>[│ ]*(?:├── |└── )?)(?P<name>\w+)\s+exit (?P<exit>\d+)\s+\S")


def drawn() -> dict[str, tuple[str | None, int]]:
    """Read the drawing: name to (parent, exit status)."""
    tree: dict[str, tuple[str | None, int]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := _LINE.match(line):
            depth = len(match["lead"]) // 4
            del above[depth:]
            tree[match["name"]] = (above[-1] if above else None, int(match["exit"]))
            above.append(match["name"])
    return tree


def classes() -> list[type[VacuumError]]:
    found = [VacuumError]
    for each in found:
        found += [sub for sub in each.__subclasses__() if sub.__module__ == errors.__name__]
    return found


def test_the_drawing_shows_every_class_its_parent_and_its_exit_number() -> None:
    actual = {
        each.__name__: (None if each is VacuumError else each.__bases__[0].__name__, each.exit_status)
        for each in classes()
    }

    assert drawn() == actual


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [vars(each).get("code") for each in classes()]

    assert None not in codes
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("each", classes(), ids=lambda each: each.__name__)
def test_codes_are_words_for_scripts(each: type[VacuumError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", each.code)


def test_an_error_carries_what_happened_and_what_to_do() -> None:
    error = VacuumError("it broke", hint="mend it", spec="RFC 1", url="https://h.example")

    assert (str(error), error.message) == ("it broke", "it broke")
    assert (error.hint, error.spec, error.url) == ("mend it", "RFC 1", "https://h.example")


def test_an_oauth_error_keeps_the_servers_word() -> None:
    error = OAuthError("the server answered invalid_grant", error="invalid_grant")

    assert error.error == "invalid_grant"
    assert error.code == "oauth_error"


class TestLoginRequired:
    def test_it_names_the_command_to_type(self) -> None:
        error = LoginRequired("https://mcp.example", "no login is stored")

        assert str(error) == "login required for https://mcp.example: no login is stored"
        assert error.hint == "mcp-vacuum login https://mcp.example"
        assert error.url == "https://mcp.example"

    def test_the_account_is_part_of_the_command(self) -> None:
        error = LoginRequired("https://mcp.example", "it ended", account="work")

        assert error.hint == "mcp-vacuum login https://mcp.example --account work"

    def test_a_hint_of_its_own_wins(self) -> None:
        assert LoginRequired("s", "why", hint="do this").hint == "do this"
