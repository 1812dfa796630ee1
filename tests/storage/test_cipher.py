from __future__ import annotations

import pickle

import pytest

from mcp_vacuum.errors import StorageError
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.cipher import Cipher, check_value, new_key

KEY = RecordKey("login", "https://mcp.example", "default")
SOME = new_key()


class TestCipher:
    def test_a_fingerprint_tells_tokens_apart_and_needs_the_key(self) -> None:
        key = new_key()
        one, again, other = Cipher(key), Cipher(key), Cipher(new_key())
        token = Secret("refresh-token")

        assert one.fingerprint(token) == again.fingerprint(token)
        assert len(one.fingerprint(token)) == 64
        assert one.fingerprint(token) != one.fingerprint(Secret("other"))
        assert one.fingerprint(token) != other.fingerprint(token)

    def test_the_check_value_belongs_to_key_and_vault(self) -> None:
        key = new_key()
        values = {
            check_value(key, "v1"),
            check_value(key, "v2"),
            check_value(new_key(), "v1"),
        }

        assert len(values) == 3
        assert check_value(key, "v1") in values

    def test_the_purposes_do_not_mix(self) -> None:
        assert check_value(SOME, "x") != Cipher(SOME).fingerprint(Secret("x"))

    def test_it_shows_and_pickles_nothing(self) -> None:
        key = new_key()

        assert key.decode() not in repr(Cipher(key))
        with pytest.raises(TypeError):
            pickle.dumps(Cipher(key))

    def test_a_bad_key_is_refused(self) -> None:
        with pytest.raises(ValueError):
            Cipher(b"short")

    def test_a_key_has_the_same_name_in_one_vault_only(self) -> None:
        one, two = Cipher(SOME, vault_id="1"), Cipher(SOME, vault_id="2")

        assert one.key_id == Cipher(SOME, vault_id="1").key_id == check_value(SOME, "1")[:16]
        assert one.opens(one.key_id)
        assert not one.opens(two.key_id)
        assert not one.opens("")

    def test_a_former_key_opens_and_does_not_seal(self) -> None:
        former, new = Cipher(SOME, vault_id="1"), new_key()
        both = Cipher(new, SOME, vault_id="1")

        assert both.opens(former.key_id)
        assert both.key_id == Cipher(new, vault_id="1").key_id
        assert both.decrypt(former.encrypt(b"x")) == b"x"
        assert former.decrypt(both.encrypt(b"x")) is None

    def test_fingerprints_outlive_the_key(self) -> None:
        former = Cipher(SOME)
        after = Cipher(new_key(), fingerprint_key=former.fingerprint_key)

        assert after.fingerprint(Secret("x")) == former.fingerprint(Secret("x"))

    def test_what_is_wrapped_opens_for_its_purpose_only(self) -> None:
        cipher = Cipher(SOME)
        text = cipher.wrap("previous_key", b"a:b")

        assert cipher.unwrap("previous_key", text) == b"a:b"
        for purpose, changed in (("fingerprint_key", text), ("previous_key", text[:-4]), ("", "ü")):
            with pytest.raises(StorageError, match="the vault's header is damaged"):
                cipher.unwrap(purpose, changed)
