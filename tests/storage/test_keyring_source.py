from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from pathlib import Path

import keyring
import pytest
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked

from mcp_vacuum.errors import KeyUnavailable
from mcp_vacuum.storage.cipher import new_key
from mcp_vacuum.storage.key_source import KeyName
from mcp_vacuum.storage.keyring_source import KeyringSource

from .conftest import FakeKeyring

KEY = new_key()
ID = "0123456789abcdef"
NAME = KeyName(ID)


class TestKeyring:
    def test_the_item_is_named_by_the_vault(self, fake_keyring: FakeKeyring) -> None:
        key = KeyringSource("my-service").create(NAME).key

        assert fake_keyring.items == {("my-service", f"vault:{ID}"): key.decode()}
        assert KeyringSource("my-service").read(NAME) == (key,)
        assert len(base64.urlsafe_b64decode(key)) == 32

    def test_no_item_is_none(self, fake_keyring: FakeKeyring) -> None:
        assert KeyringSource().read(NAME) == ()

    def test_an_item_that_is_no_key_is_said_and_not_shown(self, fake_keyring: FakeKeyring) -> None:
        fake_keyring.items["mcp-vacuum", f"vault:{ID}"] = "hunter2"
        with pytest.raises(KeyUnavailable) as caught:
            KeyringSource().read(NAME)

        assert "hunter2" not in caught.value.message

    @pytest.mark.parametrize(
        ("trouble", "cause"),
        [
            (KeyringLocked("Failed to unlock the collection!"), "it is locked"),
            (RuntimeError("no such\n  bus"), "no such bus"),
            (ImportError("x"), "the package keyring is not installed"),
            (OSError(), "OSError"),
        ],
    )
    def test_trouble_is_an_error_with_its_cause(
        self, fake_keyring: FakeKeyring, trouble: Exception, cause: str
    ) -> None:
        fake_keyring.trouble = trouble
        for ask in (KeyringSource().read, KeyringSource().create):
            with pytest.raises(KeyUnavailable) as caught:
                ask(NAME)

            assert caught.value.message == f"no working keyring ({cause})"
            assert caught.value.hint

    def test_one_that_hangs_is_left_behind_within_its_deadline(self, fake_keyring: FakeKeyring) -> None:
        never = threading.Event()
        fake_keyring.before = never.wait
        with pytest.raises(KeyUnavailable, match="did not answer within 2 s"):
            KeyringSource().read(NAME)  # it would wait for `never` if it were waited for
        never.set()

    def test_one_that_hangs_does_not_keep_the_process_alive(self, home: Path) -> None:
        code = (
            "import keyring, time\n"
            "from keyring.backend import KeyringBackend\n"
            "class Hangs(KeyringBackend):\n"
            "    priority = 1\n"
            "    def get_password(self, *a): time.sleep(1e6)\n"
            "    set_password = get_password\n"
            "keyring.set_keyring(Hangs())\n"
            "from mcp_vacuum.storage.opening import open_store\n"
            f"print(open_store(__import__('pathlib').Path({str(home)!r})).notice)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
            capture_output=True,
            text=True,
            check=True,
        )

        assert "did not answer within 2 s" in done.stdout

    def test_plain_text_and_empty_backends_do_not_count(self) -> None:
        class Plain(FakeKeyring):
            pass

        Plain.__module__ = "keyrings.alt.file"
        for backend in (fail.Keyring(), null.Keyring(), Plain()):  # type: ignore[no-untyped-call]
            keyring.set_keyring(backend)
            with pytest.raises(KeyUnavailable, match=r"no working keyring \(only keyring.* is there\)"):
                KeyringSource().create(NAME)

    def test_in_a_chain_the_first_fit_one_keeps_and_any_gives(self) -> None:
        class Plain(FakeKeyring):
            pass

        plain, first, second = Plain(), FakeKeyring(), FakeKeyring()

        class Chain(chainer.ChainerBackend):
            backends = [plain, first, second]

        Plain.__module__ = "keyrings.alt.file"
        keyring.set_keyring(Chain())  # type: ignore[no-untyped-call]
        key = KeyringSource().create(NAME).key
        assert [bool(each.items) for each in (plain, first, second)] == [False, True, False]

        first.items, second.items = {}, first.items
        first.trouble = KeyringLocked()
        assert KeyringSource().read(NAME) == (key,)
        second.items = {}
        with pytest.raises(KeyUnavailable, match="locked"):
            KeyringSource().read(NAME)

    def test_one_that_forgets_at_once_does_not_work(self) -> None:
        class Forgets(FakeKeyring):
            def get_password(self, service: str, username: str) -> str | None:
                return None

        keyring.set_keyring(forgets := Forgets())
        with pytest.raises(KeyUnavailable, match="did not give back"):
            KeyringSource().create(NAME)
        assert not forgets.items


class TestChange:
    """What a rotation does to a keyring."""

    def test_each_key_has_an_item_of_its_own(self, fake_keyring: FakeKeyring) -> None:
        source = KeyringSource()
        present, new = source.create(NAME).key, source.create(KeyName(ID, 2)).key

        assert present != new
        assert list(fake_keyring.items) == [("mcp-vacuum", f"vault:{ID}"), ("mcp-vacuum", f"vault:{ID}:2")]
        assert (source.read(NAME), source.read(KeyName(ID, 2))) == ((present,), (new,))

    def test_asked_again_after_an_interruption_it_gives_the_same_one(self, fake_keyring: FakeKeyring) -> None:
        new = KeyringSource().create(KeyName(ID, 2))

        assert KeyringSource().create(KeyName(ID, 2)) == new

    def test_a_forgotten_key_is_deleted_alone(self, fake_keyring: FakeKeyring) -> None:
        source = KeyringSource()
        present, new = source.create(NAME).key, source.create(KeyName(ID, 2)).key
        assert source.forget(NAME, present)
        assert source.forget(NAME, present)

        assert (source.read(NAME), source.read(KeyName(ID, 2))) == ((), (new,))

    def test_trouble_is_said(self, fake_keyring: FakeKeyring) -> None:
        present = KeyringSource().create(NAME).key
        fake_keyring.trouble = KeyringLocked()
        with pytest.raises(KeyUnavailable, match="it is locked"):
            KeyringSource().forget(NAME, present)
