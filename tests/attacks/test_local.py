"""This machine: other users of it, its thieves, and what lies about in directories."""

from __future__ import annotations

import base64
import os
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_vacuum.errors import KeyUnavailable, RecordDamaged, StorageError
from mcp_vacuum.storage import vault
from mcp_vacuum.storage.file_source import KEY_FILE
from mcp_vacuum.storage.opening import open_store
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World
from tests.helpers import log_in
from tests.interop.leaks import find_leaks

JUDGED = defence("a directory of state is ours alone to change", {"storage.home._judge": lambda *_: None})
JUDGED_FILE = defence("a key file is ours alone to read", {"storage.home._judge_file": lambda *_: None})
LABELLED = defence("a sealed record names its row", {"storage.envelope._labelled": lambda *_: True})
KNOWN_KEY = base64.urlsafe_b64encode(b"k" * 32)


def _open(world: World) -> Any:
    return world.attempt(open_store)


@attacks(
    "MCP_VACUUM_HOME is {}",
    {
        "writable by everybody": 0o777,
        "writable by a group": 0o770,
        "a link to such a directory": 0o777,
    },
    source="CWE-732, CWE-379, ST-PERM-01",
    defence=JUDGED,
    sees=Sees(StorageError, says="writable by others"),
)
def test_open_home(world: World, mode: int) -> Loot:
    """Others could plant a key, a vault, or locks."""
    real = world.root / "elsewhere"
    real.mkdir()
    real.chmod(mode)
    world.home.symlink_to(real)
    store = _open(world)
    return [f"a vault in a directory of mode {mode:o}"] if store else []


@attack(
    "MCP_VACUUM_HOME belongs to somebody else",
    source="CWE-283, ST-PERM-01",
    defence=defence("a directory of state is ours", {"storage.home.owned_by_me": lambda _: True}),
    sees=Sees(StorageError, says="belongs to another user"),
)
def test_foreign_home(world: World) -> Loot:
    """The owner may change the mode back at any time. Here we are the ones who are somebody else."""
    world.home.mkdir(mode=0o700)
    real = os.geteuid()
    world.patch.setattr("os.geteuid", lambda: real + 1)
    store = _open(world)
    return ["a vault in a directory of somebody else"] if store else []


@attacks(
    "MCP_VACUUM_HOME is {}",
    {"a file": "file", "a link to nowhere": "dangling", "a device": "/dev/null"},
    source="CWE-73",
    defence=defence("a home is a directory", {"storage.opening.open_store": lambda *_: _in_memory()}),
    sees=Sees(StorageError),
)
def test_no_home(world: World, kind: str) -> Loot:
    """A login that cannot be kept is not begun."""
    from mcp_vacuum.login import LoginOptions, login_blocking
    from tests.helpers import AGREES

    if kind == "file":
        world.home.write_text("")
    elif kind == "dangling":
        world.home.symlink_to(world.root / "nowhere" / "at all")
    else:
        world.patch.setenv("MCP_VACUUM_HOME", kind)
    lab = world.lab()
    world.attempt(lambda: login_blocking(lab.mcp_url, LoginOptions(timeout=5), ways=AGREES))
    return ["a login that nobody keeps" for _ in lab.recorder.to("/token")]


def _in_memory() -> Any:
    from mcp_vacuum.storage.opening import memory_store

    return memory_store()


@attacks(
    "the key file is readable by {}",
    {"everybody": 0o644, "a group": 0o640},
    source="CWE-732, ST-PERM-02",
    defence=JUDGED_FILE,
    sees=Sees(KeyUnavailable, says="open to others"),
)
def test_open_key(world: World, mode: int) -> Loot:
    store = _open(world)
    store.close()
    (world.home / KEY_FILE).chmod(mode)
    return ["a vault opened with a key that others may have"] if _open(world) else []


@attack(
    "the key file is a link to a key that somebody knows",
    source="CWE-59, ST-PERM-02",
    defence=JUDGED_FILE,
    sees=Sees(KeyUnavailable, says="open to others"),
)
def test_planted_key(world: World) -> Loot:
    from cryptography.fernet import Fernet

    lab = world.lab()
    planted = world.root / "planted.key"
    planted.write_bytes(KNOWN_KEY + b"\n")
    planted.chmod(0o644)
    world.home.mkdir(mode=0o700)
    (world.home / KEY_FILE).symlink_to(planted)
    store = _open(world)
    if store is None:
        return []
    log_in(lab, store)
    store.close()
    sealed = _rows(world)[0][3]
    return [f"{len(Fernet(KNOWN_KEY).decrypt(sealed[len(b'mcpv1:') :]))} bytes of a login, in the clear"]


def _any_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mcp_vacuum.storage.keys.hmac.compare_digest", lambda *_: True)
    for name in ("INSERT", "UPDATE"):  # a row is written under the header's key alone
        statement = getattr(vault, name)
        patch.setattr(vault, name, statement.replace(vault.OF_THIS_KEY, "? IS NOT NULL"))


@attack(
    "the key of a vault is exchanged for one that somebody knows",
    source="CWE-345, ST-ENC-01",
    defence=in_the_test(
        "a vault knows its key",
        "`storage/keys.py: unlock`",
        _any_key,
    ),
    sees=Sees(KeyUnavailable, says="not the key of this vault"),
)
def test_exchanged_key(world: World) -> Loot:
    """Every login from then on would be sealed for them."""
    from cryptography.fernet import Fernet

    lab = world.lab()
    _open(world).close()
    (world.home / KEY_FILE).write_bytes(KNOWN_KEY + b"\n")
    store = _open(world)
    if store is None:
        return []
    log_in(lab, store)
    store.close()
    return [
        f"{len(Fernet(KNOWN_KEY).decrypt(row[3][len(b'mcpv1:') :]))} bytes in the clear"
        for row in _rows(world)[:1]
    ]


def _rows(world: World) -> list[Any]:
    """What lies in the vault's file."""
    (path,) = [
        path for path in world.home.rglob("*") if path.is_file() and path.read_bytes()[:6] == b"SQLite"
    ]
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT rowid, kind, name, sealed, generation FROM records ORDER BY kind DESC, name"
        ).fetchall()
    connection.close()
    return rows


def _write(world: World, statement: str, *values: object) -> None:
    (path,) = [
        path for path in world.home.rglob("*") if path.is_file() and path.read_bytes()[:6] == b"SQLite"
    ]
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)
    connection.close()


@attack(
    "the sealed records of two logins are exchanged",
    source="CWE-345, ST-BIND-04",
    defence=LABELLED,
    sees=Sees(RecordDamaged),
)
def test_exchanged_records(world: World) -> Loot:
    """Whoever may write the file, without the key, would have one server's token sent to another."""
    first, second = world.lab(), world.lab()
    store = _open(world)
    log_in(first, store)
    log_in(second, store)
    store.close()
    a, b = (row for row in _rows(world) if row[1] == "login")
    _write(world, "UPDATE records SET sealed = ?, generation = ? WHERE name = ?", b[3], b[4], a[2])
    _write(world, "UPDATE records SET sealed = ?, generation = ? WHERE name = ?", a[3], a[4], b[2])
    store = _open(world)
    record = world.attempt(lambda: store.get(first.mcp_url))
    store.close()
    return [f"the login for {first.mcp_url} is one at {record.issuer}"] if record else []


@attack(
    "an older state of a login is put back",
    source="CWE-294, RFC 9700 §4.14",
    defence=LABELLED,
    sees=Sees(RecordDamaged),
)
def test_rolled_back(world: World) -> Loot:
    """A refresh token that was rotated: using it again ends the whole grant."""
    lab = world.lab()
    store = _open(world)
    log_in(lab, store)
    old = next(row for row in _rows(world) if row[1] == "login")
    log_in(lab, store, force=True)
    store.close()
    _write(world, "UPDATE records SET sealed = ? WHERE name = ? AND kind = 'login'", old[3], old[2])
    store = _open(world)
    record = world.attempt(lambda: store.get(lab.mcp_url))
    store.close()
    return ["the old refresh token is taken for the new one"] if record else []


@attack(
    "the disk is copied without the key",
    source="ST-ENC-01, ST-ENC-02, RFC 6819 §5.1.6",
    defence=defence(
        "what is kept is sealed",
        {"storage.envelope.Cipher.encrypt": lambda _, plain: base64.urlsafe_b64encode(plain)},
    ),
    sees=NOTHING,
)
def test_copied_disk(world: World) -> Loot:
    lab = world.lab(token_endpoint_auth_methods=("client_secret_post",))
    store = _open(world)
    log_in(lab, store)
    store.close()
    secrets = [("refresh token", value) for value in lab.issued_refresh_tokens]
    secrets += [("access token", value) for value in lab.issued_access_tokens]
    secrets += [("client secret", value) for value in lab.issued_client_secrets]
    secrets += [("code", value) for value in lab.issued_codes]
    return [str(leak) for leak in find_leaks(world.root, secrets)]


@attack(
    "the access token is looked for on the disk, key at hand",
    source="ST-ENC-02, MCP authorization, Token Theft",
    defence=in_the_test(
        "access tokens are never part of a record",
        "`storage/secure.py: credential_of`",
        lambda patch: patch.setattr("mcp_vacuum.login_attempt.credential_of", _with_the_token),
    ),
    sees=NOTHING,
)
def test_access_token_in_the_vault(world: World) -> Loot:
    from mcp_vacuum.storage.cipher import Cipher

    lab = world.lab()
    store = _open(world)
    log_in(lab, store)
    store.close()
    key = (world.home / KEY_FILE).read_bytes().splitlines()[-1]
    opened = [Cipher(key).decrypt(row[3][len(b"mcpv1:") :]) or b"" for row in _rows(world)]
    return [
        "an access token in a record"
        for text in opened
        if any(t.encode() in text for t in lab.issued_access_tokens)
    ]


def _with_the_token(name: str, token: Any, base: Any) -> Any:
    """Careless: all of the answer, somewhere in the record."""
    from mcp_vacuum.storage.secure import credential_of

    return replace(credential_of(name, token, base), scope_asked=token.access_token)


@attack(
    "files are made while the umask lets everybody in",
    source="CWE-276, ST-PERM-02",
    defence=in_the_test(
        "every file is made 0600",
        "`storage/home.py: _write_new`, `storage/vault.py`",
        lambda patch: patch.setattr("mcp_vacuum.storage.home._write_new", _as_it_comes),
    )
    + JUDGED_FILE,
    sees=NOTHING,
)
def test_umask(world: World) -> Loot:
    lab = world.lab()
    before = os.umask(0)
    try:
        store = _open(world)
        log_in(lab, store)
        store.close()
    finally:
        os.umask(before)
    modes = [(path, stat.S_IMODE(path.stat().st_mode)) for path in [world.home, *world.home.rglob("*")]]
    return [f"{path.name} has mode {mode:o}" for path, mode in modes if mode & 0o077]


def _as_it_comes(path: Path, content: bytes) -> None:
    """Careless: open() and hope."""
    path.write_bytes(content)


@attack(
    "the lock directory of the drop-ins in /tmp is made by somebody else, with a link in it",
    source="CWE-377, CWE-59",
    defence=JUDGED
    + in_the_test(
        "a lock file is no link",
        "`storage/lease.py: _opened`",
        lambda patch: patch.setattr("mcp_vacuum.storage.lease.os.O_NOFOLLOW", 0),
    ),
    sees=NOTHING,
)
def test_planted_lock(world: World) -> Loot:
    """Following it would make, or lock, a file of the victim's in the attacker's name."""
    from mcp_vacuum.integrations import mcp
    from mcp_vacuum.storage.base import RecordKey
    from mcp_vacuum.storage.lease import lease_path

    world.patch.setattr("tempfile.tempdir", str(world.root))
    world.patch.setattr(mcp, "LEASE_TIMEOUT", 0.2)
    folder = world.root / f"mcp-vacuum-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    target = world.root / "victims-file"
    lease_path(folder, RecordKey("login", "https://s.example", "default")).symlink_to(target)
    with mcp._one_process_at_a_time("https://s.example", "default"):
        pass
    return ["a file was made where the link leads"] if target.exists() else []


@attack(
    "a lock file in the state directory is a link",
    source="CWE-59, CWE-367",
    defence=in_the_test(
        "a lock file is no link",
        "`storage/lease.py: _opened`",
        lambda patch: patch.setattr("mcp_vacuum.storage.lease.os.O_NOFOLLOW", 0),
    ),
    sees=Sees(StorageError, says="cannot be opened"),
)
def test_linked_lock(world: World) -> Loot:
    from mcp_vacuum.storage.lease import locked

    target = world.root / "victims-file"
    world.home.mkdir(mode=0o700)
    (world.home / "x.lock").symlink_to(target)

    def lock() -> None:
        with locked(world.home / "x.lock", 0.1, "being tested"):
            pass

    world.attempt(lock)
    return ["a file was made where the link leads"] if target.exists() else []


def _planted(world: World, module: str) -> tuple[Path, Path]:
    canary, project = world.root / "canary", world.root / "project"
    project.mkdir()
    (project / f"{module}.py").write_text(
        f"open({str(canary)!r}, 'w').close()\nraise ImportError('planted')\n"
    )
    return canary, project


def _in_process(world: World, project: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=project, env=os.environ, capture_output=True, text=True, check=False
    )
    world.told.append(done.stdout + done.stderr)


_LOGIN = ("login", "http://127.0.0.1:1/")
_AS_A_SCRIPT = (
    f"import sys; sys.argv = {['mcp-vacuum', *_LOGIN]!r}; from mcp_vacuum.cli.main import main; main()"
)


@attacks(
    "a file called {}.py lies in the directory where a command is started",
    {"click": "click", "sqlite3": "sqlite3", "keyring": "keyring", "json": "json"},
    source="CWE-427",
    defence=in_the_test(
        "the current directory is not searched",
        "`__main__.py`",
        lambda patch: patch.setattr("tests.attacks.test_local._START", ("-c", _AS_A_SCRIPT)),
    ),
    sees=NOTHING,
)
def test_planted_module(world: World, module: str) -> Loot:
    canary, project = _planted(world, module)
    if module == "keyring":
        world.patch.delenv("MCP_VACUUM_KEY_SOURCE")
        world.patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    _in_process(world, project, *_START, *(_LOGIN if _START[0] == "-m" else ()))
    return ["its code was run"] if canary.exists() else []


_START: tuple[str, ...] = ("-m", "mcp_vacuum")


@attacks(
    "PYTHON_KEYRING_BACKEND names a backend that {}",
    {"keeps nothing": "keyring.backends.null.Keyring", "keeps plain text": "keyrings.alt.planted.Keyring"},
    source="ST-ENC-01, CWE-522",
    defence=defence("a keyring has to be one", {"storage.keyring_source._unfit": lambda _: False}),
    sees=Sees(KeyUnavailable, says="no working keyring"),
)
def test_keyring(world: World, name: str) -> Loot:
    import keyring

    class Planted(keyring.backend.KeyringBackend):
        """A file in the clear, by the name of those that keyring itself warns of."""

        priority = 9
        kept: dict[str, str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get(username)

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[username] = password

        def delete_password(self, service: str, username: str) -> None:
            self.kept.pop(username, None)

    Planted.__module__ = name.rpartition(".")[0]
    world.patch.setenv("MCP_VACUUM_KEY_SOURCE", "keyring")
    world.patch.setattr(keyring, "get_keyring", Planted)
    _open(world)
    return [f"the vault's key, in the clear, under {user}" for user in Planted.kept]


@attack(
    "PYTHON_KEYRING_BACKEND names code in the current directory",
    source="CWE-427",
    defence=in_the_test(
        "the current directory is not searched",
        "`__main__.py`",
        lambda patch: patch.setattr("tests.attacks.test_local._START", ("-c", _AS_A_SCRIPT)),
    ),
    sees=NOTHING,
)
def test_planted_keyring(world: World) -> Loot:
    canary, project = _planted(world, "evil_backend")
    world.patch.setenv("PYTHON_KEYRING_BACKEND", "evil_backend.Keyring")
    world.patch.setenv("MCP_VACUUM_KEY_SOURCE", "keyring")
    _in_process(world, project, *_START, *(_LOGIN if _START[0] == "-m" else ()))
    return ["its code was run"] if canary.exists() else []


@attack(
    "a command that gets a token looks for the vault's key",
    source="ST-ENC-01, CWE-526",
    defence=in_the_test(
        "the key leaves the environment as it is read",
        "`storage/env_source.py: EnvSource.read`",
        lambda patch: patch.setattr("tests.attacks.test_local._FIRST", _LEFT_THERE),
    ),
    sees=NOTHING,
)
def test_key_of_children(world: World) -> Loot:
    lab, seen = world.lab(), world.root / "seen"
    world.patch.setattr("mcp_vacuum.storage.env_source.EnvSource._taken", ())
    world.patch.setenv("MCP_VACUUM_KEY_SOURCE", "env")
    world.patch.setenv("MCP_VACUUM_KEY", KNOWN_KEY.decode())
    assert world.cli("login", lab.mcp_url).code == 0
    world.patch.setenv("MCP_VACUUM_KEY", KNOWN_KEY.decode())
    look = f"import os; open({str(seen)!r}, 'w').write(os.environ.get('MCP_VACUUM_KEY', ''))"
    words = ["mcp-vacuum", "run", lab.mcp_url, "--", sys.executable, "-c", look]
    start = f"import sys; sys.argv = {words!r}; from mcp_vacuum.cli.main import main; {_FIRST}main()"
    _in_process(world, world.root, "-c", start)
    return ["the vault's key"] if KNOWN_KEY.decode() in seen.read_text() else []


_FIRST = ""
_LEFT_THERE = (
    "import os, mcp_vacuum.storage.env_source as keys; "
    "keys.EnvSource.read = lambda *_: (os.environ['MCP_VACUUM_KEY'].encode(),); "
)
"""Careless: the key is read where it is, and stays there."""
