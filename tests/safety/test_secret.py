from __future__ import annotations

import copy
import json
import pickle
from base64 import b64encode
from dataclasses import asdict
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum.models import Credential
from mcp_vacuum.safety.secret import Secret, readable_in, shown, wrapped

anything = st.text(min_size=1).filter(bool) | st.text(st.characters(categories=["Cs"]), min_size=1)


class TestSecret:
    def test_only_reveal_gives_the_value(self) -> None:
        assert Secret("value").reveal() == "value"

    @given(anything)
    def test_text_of_it_is_three_stars_and_a_digest(self, value: str) -> None:
        secret = Secret(value)
        digest = sha256(value.encode(errors="surrogatepass")).hexdigest()[:6]

        assert repr(secret) == str(secret) == f"{secret}" == f"Secret(***{digest})"

    def test_a_format_specification_does_not_reach_the_value(self) -> None:
        with pytest.raises(TypeError) as caught:
            f"{Secret('value'):>100}"

        assert "value" not in str(caught.value)

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_it_is_never_pickled(self, protocol: int) -> None:
        with pytest.raises(TypeError, match="never pickled"):
            pickle.dumps({"deep": [Secret("value")]}, protocol)

    @pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
    def test_it_is_not_copied(self, copier: object) -> None:
        with pytest.raises(TypeError, match="never pickled"):
            copier(Secret("value"))  # type: ignore[operator]

    def test_asdict_does_not_take_it_out_of_a_record(self) -> None:
        with pytest.raises(TypeError, match="never pickled"):
            asdict(Credential(server="s", refresh_token=Secret("value")))

    def test_json_does_not_take_it(self) -> None:
        with pytest.raises(TypeError) as caught:
            json.dumps({"token": Secret("value")})

        assert "value" not in str(caught.value)

    def test_it_has_no_dictionary_to_look_into(self) -> None:
        assert not hasattr(Secret("value"), "__dict__")

    def test_an_empty_one_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="cannot be empty"):
            Secret("")

    @given(anything, anything)
    def test_two_are_equal_when_their_values_are(self, one: str, other: str) -> None:
        assert (Secret(one) == Secret(other)) is (one == other)
        assert (Secret(one) == other) is (one == other)
        assert Secret(one) == Secret(one)
        assert hash(Secret(one)) == hash(Secret(one))

    @pytest.mark.parametrize("other", [b"value", None, 5])
    def test_it_equals_nothing_else(self, other: object) -> None:
        assert Secret("value") != other


class TestWrapped:
    @pytest.mark.parametrize("nothing", [None, ""])
    def test_nothing_stays_nothing(self, nothing: str | None) -> None:
        assert wrapped(nothing) is None

    def test_text_is_wrapped_once(self) -> None:
        secret = wrapped("value")

        assert secret == Secret("value")
        assert wrapped(secret) is secret


def test_what_is_shown_tells_two_secrets_apart() -> None:
    assert shown("one") != shown("two")
    assert len(shown("x" * 10_000)) == 9


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_a_secret_is_found_plain_in_hex_and_in_any_base64_alignment(shift: int) -> None:
    secret = "a-secret-that-is-long-enough"

    assert readable_in(f"x{secret}y".encode(), secret)
    assert readable_in(secret.encode().hex().encode(), secret)
    assert readable_in(b64encode(b"_" * shift + secret.encode() + b"_"), secret)
    assert not readable_in(b"nothing of it", secret)
