from __future__ import annotations

import base64

import pytest

from mcp_vacuum.errors import KeyUnavailable
from mcp_vacuum.storage.key_source import HOW_TO_MAKE_A_KEY, checked_key

KEY = base64.urlsafe_b64encode(bytes(range(100, 132)))  # always the same: it names tests


class TestKeys:
    @pytest.mark.parametrize("around", ["{}", " {}\n", "\t{}\r\n"])
    def test_white_space_around_a_key_is_nobodys_fault(self, around: str) -> None:
        assert checked_key(around.format(KEY.decode()), "it") == KEY

    @pytest.mark.parametrize(
        "text", ["", "hunter2", KEY.decode()[:-1], KEY.decode() * 2, "ü" * 44, "+/" * 22]
    )
    def test_what_is_no_key_is_said_and_not_shown(self, text: str) -> None:
        with pytest.raises(KeyUnavailable, match=r"^the thing is not a key") as caught:
            checked_key(text, "the thing")

        assert not text or text not in caught.value.message
        assert caught.value.hint == HOW_TO_MAKE_A_KEY
