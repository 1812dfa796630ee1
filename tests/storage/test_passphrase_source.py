"""A passphrase for a key: the recipe in the header, the person, and a header that means harm."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_vacuum.errors import KeyUnavailable, StorageError
from mcp_vacuum.storage.key_source import KeyName
from mcp_vacuum.storage.opening import lock_vault, open_store, unlock_vault, vault_header
from mcp_vacuum.storage.passphrase_source import PassphraseSource, Recipe, ask_on_terminal, recipe_of
from mcp_vacuum.storage.vault import Vault

from .conftest import SERVER, SOURCE, login

WORDS = "correct horse"
SALT = "00" * 16


def says(*answers: str) -> Callable[[str], str]:
    """A person with these answers, and with no more."""
    left = list(answers)
    return lambda prompt: left.pop(0)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new recipe takes a hundredth of the work that it takes in earnest."""
    monkeypatch.setattr(Recipe.__init__, "__defaults__", (2**10, 8, 1))


def test_a_new_recipe_is_a_costly_one() -> None:
    """OWASP's Password Storage Cheat Sheet asks for N=2^17, r=8, p=1 at least."""
    recipe = json.loads(PassphraseSource(says(WORDS, WORDS)).create(KeyName("v")).recipe or "")

    assert (recipe["kdf"], recipe["n"], recipe["r"], recipe["p"]) == ("scrypt", 2**17, 8, 1)
    assert len(bytes.fromhex(recipe["salt"])) == 16


@pytest.fixture
def vault(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose vault opens with `WORDS`."""
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
    store = open_store(home, ask=says(WORDS, WORDS))
    assert store is not None
    store.put(login(), 0)
    store.close()
    return home


@pytest.mark.usefixtures("cheap")
class TestVault:
    def test_it_opens_with_the_passphrase_and_keeps_no_key(self, vault: Path) -> None:
        store = open_store(vault, ask=says(WORDS))
        header = vault_header(vault) or {}

        assert store is not None
        assert (store.key_source, store.get(SERVER)) == ("passphrase", login())
        assert header["key_source"] == "passphrase"
        assert not (vault / "vault.key").exists()
        content = b"".join(each.read_bytes() for each in vault.rglob("*") if each.is_file())
        assert WORDS.encode() not in content

    def test_the_recipe_is_in_the_header(self, vault: Path) -> None:
        recipe = recipe_of((vault_header(vault) or {})["key_recipe"])

        assert recipe == Recipe(recipe.salt)

    @pytest.mark.parametrize("wrong", [WORDS.upper(), WORDS + " ", "x"])
    def test_a_wrong_one_is_called_that_and_changes_nothing(self, vault: Path, wrong: str) -> None:
        before = (vault / "vault.db").read_bytes()
        with pytest.raises(KeyUnavailable, match="wrong passphrase; nothing was changed") as caught:
            open_store(vault, ask=says(wrong))

        assert wrong not in caught.value.message.replace("wrong passphrase; nothing", "")
        assert "agent unlock" in (caught.value.hint or "")
        assert (vault / "vault.db").read_bytes() == before

    def test_an_empty_one_is_not_even_tried(self, vault: Path) -> None:
        with pytest.raises(KeyUnavailable, match="no passphrase was given"):
            open_store(vault, ask=says(""))

    def test_a_locked_vault_is_unlocked_with_it_and_with_nothing_else(self, vault: Path) -> None:
        lock_vault(vault)
        with pytest.raises(KeyUnavailable, match="wrong passphrase"):
            unlock_vault(vault, says("another one"))
        assert (vault_header(vault) or {})["locked"] == "yes"

        assert unlock_vault(vault, says(WORDS)).get(SERVER) == login()
        assert (vault_header(vault) or {})["locked"] == "no"

    def test_letters_are_the_same_however_they_are_spelled(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
        composed, decomposed = "Schl\u00fcsselwort", "Schlu\u0308sselwort"
        open_store(home, ask=says(composed, decomposed.replace("u\u0308", "\u00fc")))

        assert open_store(home, ask=says(decomposed)) is not None


@pytest.mark.usefixtures("cheap")
class TestNewOne:
    @pytest.mark.parametrize(
        ("answers", "why"),
        [
            (("",), "too short"),
            (("1234567",), "too short"),
            ((WORDS, WORDS + "!"), "the two passphrases differ"),
        ],
    )
    def test_what_will_not_do_makes_no_vault(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, ...], why: str
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "passphrase")
        with pytest.raises(KeyUnavailable, match=why):
            open_store(home, ask=says(*answers))

        assert not (home / "vault.db").exists()

    def test_where_nobody_can_be_asked_nothing_is_there_to_be_unlocked(self) -> None:
        def nobody(prompt: str) -> str:
            raise KeyUnavailable("there is no terminal", hint="unlock it")

        with pytest.raises(KeyUnavailable, match="there is no terminal") as caught:
            PassphraseSource(nobody).create(KeyName("v"))

        assert caught.value.hint == "run the same command in a terminal"

    def test_the_same_passphrase_twice_makes_two_keys(self) -> None:
        one, two = (PassphraseSource(says(WORDS, WORDS)).create(KeyName("v")) for _ in range(2))

        assert one.key != two.key
        assert PassphraseSource(says(WORDS)).read(KeyName("v", 1, one.recipe)) == (one.key,)
        assert one.key.decode() not in repr(one)


class TestRecipe:
    def test_the_vector_of_the_rfc(self) -> None:
        """RFC 7914 §12, the third one; its first 32 bytes."""
        key = Recipe(b"SodiumChloride".hex(), n=16384, r=8, p=1).key("pleaseletmein")

        assert base64.urlsafe_b64decode(key).hex() == (
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"n": 2**30},
            {"n": 2**17 + 1},
            {"n": 1},
            {"n": 0},
            {"n": -(2**17)},
            {"n": True},
            {"n": "131072"},
            {"n": 2.0**17},
            {"r": 10**6},
            {"p": 10**6},
            {"r": 0},
            {"p": None},
            {"salt": ""},
            {"salt": "zz" * 16},
            {"salt": "00" * 15},
            {"salt": "00" * 65},
            {"salt": 5},
            {"kdf": "argon2"},
            {"kdf": None},
        ],
        ids=str,
    )
    def test_one_that_means_harm_or_nothing_is_refused_at_once(self, change: dict[str, object]) -> None:
        members = {"kdf": "scrypt", "salt": SALT, "n": 2**17, "r": 8, "p": 1, **change}
        with pytest.raises(StorageError, match="no usable recipe"):
            recipe_of(json.dumps(members))

    @pytest.mark.parametrize("text", ["", "[]", "5", "null", "{}", "[" * 9999, '{"kdf": ""}'], ids=len)
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(StorageError, match="no usable recipe"):
            recipe_of(text)

    def test_costlier_ones_are_followed(self) -> None:
        assert recipe_of(Recipe(SALT, n=2**18).text()).n == 2**18

    def test_a_header_without_one_asks_nobody(self, vault: Path) -> None:
        Vault(vault / "vault.db").change_header({"key_recipe": ""})
        with pytest.raises(StorageError, match="no usable recipe"):
            open_store(vault, ask=says())


ASK = """
import sys
from mcp_vacuum.errors import VacuumError
from mcp_vacuum.storage.passphrase_source import ask_on_terminal
try:
    answer = ask_on_terminal("Tell: ")
    print(f"got {len(answer)}", flush=True)
except VacuumError as caught:
    print(caught.exit_status, caught.message, "|", caught.hint, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
class TestTerminal:
    def test_without_one_a_pipe_is_not_read(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", ASK],
            input=WORDS,
            capture_output=True,
            text=True,
            check=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )

        assert done.stdout.startswith("6 the vault's key is a passphrase, and there is no terminal")
        assert "mcp-vacuum agent unlock" in done.stdout
        assert done.stderr == ""

    def test_on_one_it_is_asked_without_an_echo_whatever_the_streams_are(self, tmp_path: Path) -> None:
        import pty

        child, master = pty.fork()
        if child == 0:
            out = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
            null = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(os.dup(0), True)  # else the terminal is gone before it is asked for
            for stream, place in ((0, null), (1, out), (2, null)):
                os.dup2(place, stream)
            os.execve(sys.executable, [sys.executable, "-c", ASK], {**os.environ, "PYTHONPATH": str(SOURCE)})
        shown = os.read(master, 100)
        os.write(master, f"{WORDS}\n".encode())
        _, status = os.waitpid(child, 0)
        while chunk := _rest(master):
            shown += chunk
        os.close(master)

        assert status == 0
        assert shown.startswith(b"Tell: ")
        assert WORDS.encode() not in shown
        assert (tmp_path / "out").read_text() == f"got {len(WORDS)}\n"


def _rest(master: int) -> bytes:
    try:
        return os.read(master, 1000)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_the_terminal_is_the_default() -> None:
    assert PassphraseSource()._ask is ask_on_terminal
