"""Settings as editors write them, with the lines of their members."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_vacuum.audit.documents import DEEPEST, NotADocument, read_json, read_toml, told

TEXT = """\
{
  // a comment
  "mcpServers": {
    "files": { /* another */
      "args": ["-y", "x",],
      "env": {"A": "http://x // y"},
    },
  },
}
"""
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_comments_and_trailing_commas() -> None:
    document = read_json(TEXT)

    assert document.root == {"mcpServers": {"files": {"args": ["-y", "x"], "env": {"A": "http://x // y"}}}}


def test_each_member_has_its_line() -> None:
    document = read_json(TEXT)

    assert [(leaf.told, leaf.line) for leaf in document.leaves()] == [
        ("mcpServers.files.args[0]", 5),
        ("mcpServers.files.args[1]", 5),
        ("mcpServers.files.env.A", 6),
    ]
    assert document.line(("mcpServers", "files")) == 4
    assert document.line(("mcpServers", "nobody", "knows")) == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1 "b": 2}', 1),
        ('{\n"a": tru\n}', 2),
        ("{a: 1}", 1),
        ('{"a": 1}\nx', 2),
        ("", 1),
        ('{"a": "x', 1),
        ('{"a": [1, 2}', 1),
        ("{,}", 1),
        ('"text"', 1),
    ],
)
def test_what_is_malformed_says_where(text: str, line: int) -> None:
    with pytest.raises(NotADocument) as caught:
        read_json(text)

    assert caught.value.line == line


def test_nothing_is_too_deep_for_it_to_survive() -> None:
    with pytest.raises(NotADocument, match=f"more than {DEEPEST}"):
        read_json('{"a":' * 100_000)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), ANY, max_size=4))
def test_all_json_is_understood_as_json_is(value: dict[str, object]) -> None:
    assert read_json(json.dumps(value, indent=1)).root == value


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_a_document_or_none(text: str) -> None:
    try:
        found = read_json(text).root
    except NotADocument as wrong:
        found = [wrong.line]
    assert found or isinstance(found, (dict, list))


def test_toml_has_lines_too() -> None:
    document = read_toml('title = "x"\n\n[mcp_servers."a b"]\nurl = "u"\n[mcp_servers."a b".env]\nT = "v"\n')

    assert [(leaf.told, leaf.line) for leaf in document.leaves()] == [
        ("title", 1),
        ('mcp_servers."a b".url', 4),
        ('mcp_servers."a b".env.T', 6),
    ]


def test_malformed_toml_says_where() -> None:
    with pytest.raises(NotADocument) as caught:
        read_toml('a = 1\nb = "x\n')

    assert caught.value.line == 2


def test_a_secret_that_is_a_name_is_not_shown() -> None:
    token = "gh" + "p_" + "a1B2" * 9

    assert token not in told(("tokens", token, "x"))
