from __future__ import annotations

import base64
import os
import shlex
import subprocess
import sys

import pytest

from mcp_vacuum.errors import KeyUnavailable
from mcp_vacuum.storage.cipher import Cipher, new_key
from mcp_vacuum.storage.env_source import EnvSource, taken_key
from mcp_vacuum.storage.key_source import KeyName, checked_key

KEY = base64.urlsafe_b64encode(bytes(range(100, 132)))  # always the same: it names tests
ID = "0123456789abcdef"
NAME = KeyName(ID)


class TestEnvironment:
    def test_the_variable_is_read_once_and_removed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", KEY.decode())

        assert EnvSource().create(NAME).key == KEY
        assert "MCP_VACUUM_KEY" not in os.environ
        assert EnvSource().read(NAME) == (KEY,)

    def test_one_that_is_not_set_is_none_for_a_reader(self) -> None:
        assert EnvSource().read(NAME) == ()
        with pytest.raises(KeyUnavailable, match="MCP_VACUUM_KEY is not set") as caught:
            EnvSource().create(NAME)

        assert "urlsafe_b64encode(os.urandom(32))" in (caught.value.hint or "")

    def test_the_hint_makes_a_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(KeyUnavailable) as caught:
            EnvSource().create(NAME)
        words = shlex.split((caught.value.hint or "").rpartition("  ")[0])
        made = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)

        assert Cipher(checked_key(made.stdout, "it"))

    @pytest.mark.parametrize("text", ["short", KEY.decode()[:-2], KEY.decode() + "AAAA", "Ü" * 44, "=" * 44])
    def test_what_is_no_key_is_not_shown(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", text)
        with pytest.raises(KeyUnavailable, match="MCP_VACUUM_KEY is not a key") as caught:
            EnvSource().read(NAME)

        assert text not in caught.value.message + (caught.value.hint or "")

    def test_what_was_taken_can_be_handed_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert taken_key() is None
        monkeypatch.setenv("MCP_VACUUM_KEY", f" {KEY.decode()} ")
        EnvSource().read(NAME)

        assert taken_key() == KEY.decode()

    def test_a_new_key_stands_before_the_present_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        new = new_key()
        monkeypatch.setenv("MCP_VACUUM_KEY", f"{new.decode()} {KEY.decode()}")

        assert EnvSource().create(KeyName(ID, 2), KEY).key == new
        assert EnvSource().read(NAME) == (new, KEY)
        assert EnvSource().forget(NAME, KEY) is False

    def test_the_present_key_alone_is_no_new_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY", KEY.decode())
        with pytest.raises(KeyUnavailable, match="only the key that the vault has already") as caught:
            EnvSource().create(KeyName(ID, 2), KEY)

        assert "the new key, a space, and the present one" in (caught.value.hint or "")
