from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.safety.limits import MAX_DEPTH, MAX_DOCUMENT, MAX_VALUES, NotADocument, load_document

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class TestWhatIsADocument:
    @given(st.dictionaries(st.text(), values, max_size=6), st.booleans())
    def test_every_object_within_the_limits_is_read(self, document: dict[str, Any], ascii_only: bool) -> None:
        assert load_document(json.dumps(document, ensure_ascii=ascii_only).encode()) == document

    @pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"5", b"true"])
    def test_json_that_is_no_object_is_refused(self, body: bytes) -> None:
        with pytest.raises(NotADocument, match="not a JSON object"):
            load_document(body)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"{",
            b"{}}",
            b"{'a': 1}",
            b'{"a": 1,}',
            b"\xff\xfe",
            b'{"a": "\xff"}',
            b'{"a": 01}',
        ],
    )
    def test_what_is_not_json_is_refused(self, body: bytes) -> None:
        with pytest.raises(NotADocument, match="not JSON"):
            load_document(body)

    def test_a_byte_order_mark_is_passed_over(self) -> None:
        assert load_document(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
    def test_other_encodings_than_utf_8_are_refused(self, encoding: str) -> None:
        # RFC 8259 §8.1; and the check of the shape looks at bytes.
        with pytest.raises(NotADocument):
            load_document('{"a": 1}'.encode(encoding))

    @pytest.mark.parametrize("body", [b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'{"a": ["x\\uDBFFy"]}'])
    def test_half_a_surrogate_pair_is_no_text(self, body: bytes) -> None:
        # No request could carry it: encoding it fails much later.
        with pytest.raises(NotADocument):
            load_document(body)

    def test_a_whole_surrogate_pair_is_text(self) -> None:
        assert load_document(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}

    @pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
    def test_numbers_that_json_does_not_have_are_refused(self, word: str) -> None:
        with pytest.raises(NotADocument, match=f"{word} is not JSON"):
            load_document(f'{{"a": {word}}}'.encode())

    def test_an_integer_without_end_is_refused(self) -> None:
        with pytest.raises(NotADocument):
            load_document(b'{"a": ' + b"9" * 5_000 + b"}")

    @pytest.mark.parametrize(
        "body", [b'{"issuer": 1, "issuer": 2}', b'{"a": {"b": 1, "b": 1}}', b'{"a": 1, "\\u0061": 2}']
    )
    def test_a_doubled_key_is_refused_wherever_it_is(self, body: bytes) -> None:
        with pytest.raises(NotADocument, match="a key appears twice"):
            load_document(body)

    @given(st.binary(max_size=200) | st.text('{}[]",:\\u0d8e1n ', max_size=100).map(str.encode))
    def test_garbage_is_an_object_or_no_document(self, body: bytes) -> None:
        with suppress(NotADocument):
            assert isinstance(load_document(body), dict)


class TestLimits:
    def test_the_size_is_limited(self) -> None:
        filler = MAX_DOCUMENT - len(b'{"a":""}')

        assert load_document(b'{"a":"' + b"x" * filler + b'"}')
        with pytest.raises(NotADocument, match="larger"):
            load_document(b'{"a":"' + b"x" * (filler + 1) + b'"}')

    @pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
    def test_the_depth_is_limited(self, opening: bytes, closing: bytes) -> None:
        def nested(levels: int) -> bytes:
            return b'{"a":' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}"

        assert load_document(nested(MAX_DEPTH))
        with pytest.raises(NotADocument, match="deeper"):
            load_document(nested(MAX_DEPTH + 1))

    def test_a_nest_that_would_overflow_the_parser_is_only_too_deep(self) -> None:
        with pytest.raises(NotADocument, match="deeper"):
            load_document(b'{"a":' * 19_000)

    def test_the_count_of_values_is_limited(self) -> None:
        assert load_document(b'{"a":[' + b"1," * (MAX_VALUES - 3) + b"1]}")
        with pytest.raises(NotADocument, match="more than"):
            load_document(b'{"a":[' + b"1," * MAX_VALUES + b"1]}")

    def test_brackets_and_commas_in_strings_do_not_count(self) -> None:
        text = '[{,"\\' * 10_000

        assert load_document(json.dumps({"a": text}).encode()) == {"a": text}

    @pytest.mark.parametrize(
        "body",
        [
            b'"' + b'\\"' * (MAX_DOCUMENT // 2 - 2),
            b'"' + b'\\"' * (MAX_DOCUMENT // 2 - 2) + b"\\",
            b'"' * MAX_DOCUMENT,
            b"\\" * MAX_DOCUMENT,
            b'{"' + b"a" * (MAX_DOCUMENT - 2),
            b'{"a":"' + b"\\\\" * (MAX_DOCUMENT // 2 - 4),
        ],
        ids=[
            "escaped quotes",
            "escaped quotes and half an escape",
            "quotes",
            "backslashes",
            "open",
            "escapes",
        ],
    )
    def test_the_worst_mebibyte_takes_no_longer_than_another(self, body: bytes) -> None:
        started = time.process_time()
        with pytest.raises(NotADocument):
            load_document(body)

        assert time.process_time() - started < 10  # what grows with the square takes hours
