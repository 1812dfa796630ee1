from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_vacuum.protocol.challenge import BearerHints, Challenge, bearer_hints, parse_challenges, unread

URL = "https://mcp.example/.well-known/oauth-protected-resource"

token = st.text("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCXYZ", min_size=1, max_size=8)
quotable = st.text(st.characters(max_codepoint=255, exclude_characters="\x00\r\n"), max_size=20)
challengeish = st.text('Bearer Basic=,"\\ \t=/+~resource_metadata\x00é', max_size=80)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class TestExamplesOfTheSpecifications:
    def test_rfc_9110_two_challenges_in_one_line(self) -> None:
        line = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'

        assert parse_challenges([line]) == [
            Challenge("basic", {"realm": "simple"}),
            Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
        ]

    def test_rfc_6750_an_expired_token(self) -> None:
        line = (
            'Bearer realm="example",\n error="invalid_token",\n error_description="The access token expired"'
        )

        assert bearer_hints([line]) == BearerHints(error="invalid_token")

    def test_rfc_9728_resource_metadata(self) -> None:
        line = 'Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource"'

        assert bearer_hints([line]) == BearerHints(
            "https://resource.example.com/.well-known/oauth-protected-resource"
        )

    def test_mcp_insufficient_scope(self) -> None:
        line = f'Bearer error="insufficient_scope", scope="files:read files:write", resource_metadata="{URL}"'

        assert bearer_hints([line]) == BearerHints(URL, "files:read files:write", "insufficient_scope")


HINTED = BearerHints(URL)


class TestWhatIsToldApart:
    """RFC 9110 §11.6.1: the header's own grammar is ambiguous at each comma."""

    @pytest.mark.parametrize(
        "lines",
        [
            [f'Bearer resource_metadata="{URL}"'],
            [f'bearer  resource_metadata="{URL}"'],
            [f'BEARER Resource_Metadata="{URL}"'],
            [f'Bearer resource_metadata = "{URL}"'],
            [f', ,Bearer ,resource_metadata="{URL}",,'],
            [f'Basic realm="x", Bearer resource_metadata="{URL}"'],
            [f'Bearer resource_metadata="{URL}", Basic realm="x"'],
            ['Basic realm="x"', f'Bearer resource_metadata="{URL}"'],
            [f'Basic realm="a, Bearer resource_metadata=x", Bearer resource_metadata="{URL}"'],
            [f'Basic realm="Bearer resource_metadata=\\"evil\\"", Bearer resource_metadata="{URL}"'],
            [f'Basic realm="\\", Bearer resource_metadata=\\"x", Bearer resource_metadata="{URL}"'],
            [f'Negotiate YII==, Bearer resource_metadata="{URL}"'],
            [f'Negotiate a87421000000492aa874209af8bc028, Bearer resource_metadata="{URL}"'],
            [f'Negotiate, NTLM, Bearer resource_metadata="{URL}"'],
            ['Bearer realm="x"', f'Bearer resource_metadata="{URL}"'],
            [f'Bearer realm="\\x", resource_metadata="{URL}"'],
            [f"Basic realm='x', Bearer resource_metadata=\"{URL}\""],
            ['Basic realm="unterminated', f'Bearer resource_metadata="{URL}"'],
            [f'Bearer resource_metadata="{URL}", broken="'],
        ],
    )
    def test_the_hint_is_found(self, lines: list[str]) -> None:
        assert bearer_hints(lines) == HINTED

    @pytest.mark.parametrize(
        "line",
        [
            f"Basic realm=\"Bearer resource_metadata='{URL}'\"",
            'Basic realm="x, Bearer resource_metadata=\\"https://evil.example\\""',
            f'Bearerish resource_metadata="{URL}"',
            f'Basic realm="Bearer", resource_metadata="{URL}"',
            'Basic realm="never closed, Bearer resource_metadata=x',
            "",
            '"Bearer"',
            f'="Bearer" resource_metadata="{URL}"',
        ],
    )
    def test_a_decoy_is_not_a_bearer_challenge(self, line: str) -> None:
        assert bearer_hints([line]) is None

    @pytest.mark.parametrize(
        "line",
        [
            f'Bearer resource_metadata="{URL}", resource_metadata="https://evil.example"',
            f'Bearer resource_metadata="{URL}", RESOURCE_METADATA="{URL}"',
            'Bearer resource_metadata="a", resource_metadata="b", resource_metadata="c"',
        ],
    )
    def test_a_doubled_parameter_counts_as_none(self, line: str) -> None:
        assert bearer_hints([line]) == BearerHints()

    def test_the_names_that_came_twice_are_known(self) -> None:
        (challenge,) = parse_challenges(['Bearer scope="a", SCOPE="b", realm="c"'])

        assert (challenge.params, challenge.doubled) == ({"realm": "c"}, {"scope"})

    def test_the_same_parameter_in_two_challenges_is_not_doubled(self) -> None:
        assert parse_challenges(['A x=1, B x="2"']) == [
            Challenge("a", {"x": "1"}),
            Challenge("b", {"x": "2"}),
        ]

    def test_an_unquoted_value_is_read(self) -> None:
        assert bearer_hints(["Bearer scope=read, error=invalid_token"]) == BearerHints(
            scope="read", error="invalid_token"
        )

    def test_no_bearer_challenge_is_another_thing_than_one_without_hints(self) -> None:
        assert bearer_hints([]) is None
        assert bearer_hints(["Basic"]) is None
        assert bearer_hints(["Bearer"]) == BearerHints()
        assert bearer_hints(["Bearer abc123=="]) == BearerHints()

    def test_an_empty_scope_is_none(self) -> None:
        assert bearer_hints(['Bearer scope=""']) == BearerHints()

    def test_what_was_read_before_the_damage_stays(self) -> None:
        assert parse_challenges(['Bearer scope="a", error=@, resource_metadata="x"']) == [
            Challenge("bearer", {"scope": "a"})
        ]

    def test_what_is_not_understood_can_be_had(self) -> None:
        assert unread('Bearer scope="a", realm=b') == ""
        assert unread('Bearer scope="a", error=@, realm=b') == "error=@, realm=b"
        assert unread("Bearer resource_metadata=https://mcp.example/") == "://mcp.example/"


class TestProperties:
    @given(
        st.lists(
            st.tuples(token, st.dictionaries(token.map(str.lower), quotable, min_size=1, max_size=4)),
            max_size=4,
        ),
        st.booleans(),
    )
    def test_what_was_written_by_the_grammar_is_read_back(
        self, written: list[tuple[str, dict[str, str]]], in_one_line: bool
    ) -> None:
        lines = [
            f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in params.items())
            for scheme, params in written
        ]
        expected = [Challenge(scheme.lower(), params) for scheme, params in written]

        assert parse_challenges([", ".join(lines)] if in_one_line else lines) == expected

    @given(st.lists(st.text() | challengeish, max_size=4))
    @example(['Bearer "'])
    @example(["Bearer a=\\"])
    def test_garbage_never_raises(self, lines: list[str]) -> None:
        hints = bearer_hints(lines)

        assert hints is None or isinstance(hints, BearerHints)

    @given(quotable)
    def test_nothing_inside_quotes_is_a_challenge(self, text: str) -> None:
        assert parse_challenges([f"Basic realm={quoted(text)}"]) == [Challenge("basic", {"realm": text})]

    @pytest.mark.parametrize(
        "unit",
        [
            "a ",
            "a/",
            "a=",
            'a="',
            '"',
            "\\",
            'a="\\"',
            " ",
            ",",
            "a\t",
            "a  =",
            "a=1,",
            "Bearer ",
            "=" * 10,
            "a b=",
        ],
    )
    def test_the_worst_line_takes_no_longer_than_another(self, unit: str) -> None:
        started = time.process_time()
        parse_challenges(["Bearer x=1, " + unit * (1_000_000 // len(unit))] * 5)

        # Of the processor, and much more than it takes: a parser that goes back takes hours for this.
        assert time.process_time() - started < 30


class TestDPoP:
    """RFC 9449 §7.1: a resource that takes bound tokens only says so in its challenge."""

    def test_a_dpop_challenge_has_the_hints_too(self) -> None:
        assert bearer_hints([f'DPoP algs="ES256", resource_metadata="{URL}", scope="a"']) == BearerHints(
            URL, "a", None, dpop=True
        )

    def test_beside_a_bearer_challenge_the_one_with_metadata_counts(self) -> None:
        lines = [f'DPoP algs="ES256", Bearer resource_metadata="{URL}"']

        assert bearer_hints(lines) == BearerHints(URL)
