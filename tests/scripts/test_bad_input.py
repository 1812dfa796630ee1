"""Bad input: each gives one clear error with its exit code, and nothing that was stored is lost."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mcp_vacuum.lab import Faults, Lab, LabConfig
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.storage.opening import open_store
from mcp_vacuum.tokens.stored import login_tokens
from tests.reliability.report import fault

from .conftest import NOBODY, USER, Session, log_in_quickly

pytestmark = pytest.mark.long

LONG = pytest.mark.long
"""For further cases of a kind: a process takes a third of a second."""


@pytest.fixture
def kept(session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A login to another server, which has to live through all this."""
    monkeypatch.setenv("MCP_VACUUM_KEY_SOURCE", "file")
    with Lab() as other:
        session.labs.append(other)
        log_in_quickly(session, other)
        yield other.mcp_url
        store = open_store(session.home, create=False)
        assert store is not None
        (login,) = store.logins()
        ACCESS_TOKENS.forget((store.location, login.server, login.account))
        held = login_tokens(store, login).obtain()
        store.close()
        assert (login.server, login.generation, held.generation) == (other.mcp_url, 1, 2)
        assert other.reuse_detected == 0


@pytest.mark.usefixtures("kept")
class TestUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "ftp://mcp.example/",
            pytest.param("mcp.example.com/mcp", marks=LONG),
            pytest.param("file:///etc/passwd", marks=LONG),
            pytest.param("https://", marks=LONG),
            pytest.param("javascript:1", marks=LONG),
        ],
    )
    def test_not_http(self, session: Session, url: str) -> None:
        assert url in session.run("login", url).one_error(2)

    def test_plain_http_beyond_loopback(self, session: Session) -> None:
        assert "plain http" in session.run("login", "http://mcp.example/mcp").one_error(4)

    def test_down(self, session: Session) -> None:
        with Lab() as gone:
            url = gone.mcp_url

        assert "no connection to http://127.0.0.1" in session.run("login", url).one_error(5)

    def test_html(self, session: Session, lab: Lab) -> None:
        lab.faults.mcp_html, lab.faults.resource_metadata_status = True, 404
        error = session.run("login", lab.mcp_url).one_error(7)

        assert "text/html: this looks like no MCP server" in error
        assert "/mcp" in error

    def test_needs_no_login(self, session: Session) -> None:
        with Lab(LabConfig(require_login=False)) as lab:
            assert "answers without a login" in session.ok("login", lab.mcp_url).out

    def test_lists_no_authorization_server(self, session: Session, lab: Lab) -> None:
        lab.faults.no_authorization_servers = True

        assert "lists no authorization server" in session.run("login", lab.mcp_url).one_error(7)

    @pytest.mark.parametrize("status", [503, pytest.param(500, marks=LONG), pytest.param(429, marks=LONG)])
    def test_asks_to_come_back(self, session: Session, lab: Lab, status: int) -> None:
        lab.faults.mcp_status = status

        assert str(status) in session.run("login", lab.mcp_url).one_error(5)

    @pytest.mark.parametrize(
        ("switch", "code"),
        [
            (lambda faults: setattr(faults, "metadata_html", True), 7),
            pytest.param(lambda faults: setattr(faults, "metadata_status", 404), 7, marks=LONG),
            pytest.param(lambda faults: setattr(faults, "metadata_status", 503), 5, marks=LONG),
            (lambda faults: setattr(faults, "big_metadata", 2_000_000), 5),
            (lambda faults: setattr(faults, "wrong_issuer", "https://attacker.example"), 4),
            pytest.param(
                lambda faults: setattr(faults, "wrong_resource", "https://attacker.example/mcp"),
                4,
                marks=LONG,
            ),
            pytest.param(
                lambda faults: setattr(faults, "metadata_redirect", "https://attacker.example/"),
                4,
                marks=LONG,
            ),
            (lambda faults: setattr(faults, "no_pkce_advertised", True), 4),
        ],
        ids=["html", "404", "503", "big", "issuer", "resource", "redirect", "pkce"],
    )
    def test_odd_metadata(
        self, session: Session, lab: Lab, switch: Callable[[Faults], None], code: int
    ) -> None:
        switch(lab.faults)
        session.run("login", lab.mcp_url).one_error(code)

        assert lab.recorder.to("/authorize") == ()


@pytest.mark.usefixtures("kept")
class TestRegistration:
    def test_refused(self, session: Session, lab: Lab) -> None:
        lab.faults.registration_error = "invalid_client_metadata"
        error = session.run("login", lab.mcp_url).one_error(7)

        assert "refused to register" in error
        assert "--client-id" in error

    def test_closed(self, session: Session) -> None:
        with Lab(LabConfig(dcr=False)) as lab:
            assert "--client-id ID" in session.run("login", lab.mcp_url).one_error(7)

    def test_port_in_use(self, session: Session, lab: Lab) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            error = session.run("login", lab.mcp_url, "--callback-port", port).one_error(5)

        assert port in error
        assert "--callback-port" in error
        assert lab.recorder.to("/register") == ()


@pytest.mark.usefixtures("kept")
class TestPerson:
    def test_declined(self, session: Session, lab: Lab) -> None:
        session.browser = f"{USER} --deny"

        assert "declined" in session.run("login", lab.mcp_url).one_error(3)

    def test_the_browser_is_closed(self, session: Session, lab: Lab) -> None:
        session.browser = NOBODY

        assert "nobody finished the login within 1 s" in session.run(
            "login", lab.mcp_url, "--timeout", "1"
        ).one_error(3)

    @LONG
    def test_no_browser_starts(self, session: Session, lab: Lab) -> None:
        session.browser = "/no/such/browser %s"
        done = session.run("login", lab.mcp_url, "--timeout", "1")

        done.one_error(3)
        assert f"{lab.issuer}/authorize?" in done.err

    @pytest.mark.parametrize(
        "fault",
        [
            "wrong_iss",
            pytest.param("missing_iss", marks=LONG),
            pytest.param("duplicate_code", marks=LONG),
            pytest.param("wrong_state", marks=LONG),
        ],
    )
    def test_a_wrong_answer(self, session: Session, lab: Lab, fault: str) -> None:
        setattr(lab.faults, fault, True)
        session.run("login", lab.mcp_url, "--timeout", "1").one_error(4)

        assert lab.recorder.to("/token") == ()

    def test_a_server_that_says_no(self, session: Session, lab: Lab) -> None:
        lab.faults.authorize_error = "invalid_scope"

        assert "invalid_scope" in session.run("login", lab.mcp_url).one_error(7)

    def test_hostile_text_stays_on_its_line(self, session: Session, lab: Lab) -> None:
        lab.faults.authorize_error = "invalid_scope"
        lab.faults.hostile_text = "\x1b[2J\r\nerror: pay here\n" + "x" * 5000
        error = session.run("login", lab.mcp_url).one_error(7)

        assert "\x1b" not in error
        assert len(error) < 1000


LIMIT = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2);"
    " os.execv(sys.argv[2], sys.argv[2:])"
)
FULL = (sys.executable, "-c", LIMIT)
"""Runs a command for which no file grows beyond so many bytes: a write fails as on a full disk."""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
class TestFullDisk:
    @pytest.mark.parametrize(
        "size", ["1000", pytest.param("0", marks=LONG), pytest.param("20000", marks=LONG)]
    )
    def test_a_first_login_is_not_begun(self, session: Session, lab: Lab, size: str) -> None:
        done = session.run("login", lab.mcp_url, before=(*FULL, size))

        done.one_error(6)
        assert lab.recorder.requests == ()
        session.ok("login", lab.mcp_url)
        session.ok("token", lab.mcp_url)

    @pytest.mark.parametrize("size", ["0", pytest.param("1000", marks=LONG)])
    def test_another_login_is_not_begun(self, session: Session, lab: Lab, kept: str, size: str) -> None:
        session.run("login", lab.mcp_url, before=(*FULL, size)).one_error(6)

        assert lab.recorder.requests == ()

    def test_a_refresh_is_not_begun(self, session: Session, lab: Lab, url: str) -> None:
        lab.recorder.clear()
        session.run("token", url, before=(*FULL, "0")).one_error(6)

        assert lab.recorder.requests == ()
        assert session.ok("token", url).out.strip() == lab.issued_access_tokens[-1]

    def test_a_logout_is_not_begun(self, session: Session, lab: Lab, url: str) -> None:
        session.run("logout", url, before=(*FULL, "0")).one_error(6)

        assert lab.recorder.to("/revoke") == ()
        assert len(session.ok("list", "--json").json["logins"]) == 1


DROP = (
    "import ctypes, os, sys; libc = ctypes.CDLL(None);"
    " [libc.prctl(24, capability, 0, 0, 0) for capability in (1, 2, 3)];"
    " os.execv(sys.argv[1], sys.argv[1:])"
)
UNPRIVILEGED = (sys.executable, "-c", DROP)
"""Runs a command without CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER: modes count for root, too."""


@pytest.mark.skipif(sys.platform != "linux", reason="drops capabilities in Linux's own way")
class TestReadOnly:
    @staticmethod
    @contextmanager
    def read_only(home: Path) -> Iterator[None]:
        paths = [home, *home.rglob("*")]
        modes = [(path, path.stat().st_mode & 0o777) for path in paths]
        for path in paths:
            path.chmod(0o500 if path.is_dir() else 0o400)
        try:
            yield
        finally:
            for path, mode in modes:
                path.chmod(mode)

    def test_a_first_login_is_not_begun(self, session: Session, lab: Lab) -> None:
        session.home.mkdir(mode=0o700)
        with self.read_only(session.home):
            session.run("login", lab.mcp_url, before=UNPRIVILEGED).one_error(6)

        assert lab.recorder.requests == ()

    def test_another_login_is_not_begun(self, session: Session, lab: Lab, kept: str) -> None:
        with self.read_only(session.home):
            session.run("login", lab.mcp_url, before=UNPRIVILEGED).one_error(6)

        assert lab.recorder.requests == ()

    def test_a_refresh_is_not_begun(self, session: Session, lab: Lab, url: str) -> None:
        lab.recorder.clear()
        with self.read_only(session.home):
            session.run("token", url, before=UNPRIVILEGED).one_error(6)

        assert lab.recorder.requests == ()
        session.ok("token", url)


class TestCorruptVault:
    @pytest.mark.parametrize(
        "content",
        [
            b"garbage" * 5000,
            pytest.param(b"", marks=LONG),
            pytest.param(b"SQLite format 3\0" + b"\xff" * 30_000, marks=LONG),
        ],
    )
    def test_it_is_moved_aside_and_never_deleted(self, session: Session, url: str, content: bytes) -> None:
        vault = session.home / "vault.db"
        key = (session.home / "vault.key").read_bytes()
        for extra in session.home.glob("vault.db-*"):
            extra.unlink()
        vault.write_bytes(content)
        done = session.run("token", url)

        done.one_error(3 if not content else 6)
        assert (session.home / "vault.key").read_bytes() == key
        if content:
            (aside,) = session.home.glob("vault.db.corrupt-*")
            assert aside.read_bytes() == content
            assert str(aside) in done.err
        session.ok("login", url)
        session.ok("token", url)

    @fault(
        "A record does not open",
        chapter="The vault's file",
        made="bytes are added to its ciphertext",
        lost="that login, whose bytes are set aside and kept; every command names it and the way out",
    )
    def test_a_damaged_record_is_kept_and_names_the_way_out(self, session: Session, url: str) -> None:
        with closing(sqlite3.connect(session.home / "vault.db")) as connection:
            connection.execute("UPDATE records SET sealed = 'x' || sealed WHERE kind = 'login'")
            connection.commit()
        for command in ("token", "login", "refresh", "status"):
            assert f"mcp-vacuum logout {url}" in session.run(command, url).one_error(6)
        session.ok("logout", url)
        session.ok("login", url)

    @fault(
        "The key file is gone",
        chapter="The vault's file",
        made="it is deleted, and put back later",
        lost="nothing; no other key is made",
    )
    def test_a_missing_key_file_is_no_reason_to_make_another(self, session: Session, url: str) -> None:
        key = session.home / "vault.key"
        content = key.read_bytes()
        key.unlink()
        for command in ("token", "login"):
            assert "vault.key" in session.run(command, url).one_error(6)
        assert not key.exists()
        key.write_bytes(content)
        key.chmod(0o600)
        session.ok("token", url)

    @fault(
        "The key file holds another key",
        chapter="The vault's file",
        made="it is overwritten, and put back later",
    )
    def test_another_key_is_never_called_damage(self, session: Session, url: str) -> None:
        key = session.home / "vault.key"
        content = key.read_bytes()
        key.write_bytes(b"A" * 43 + b"=\n")
        error = session.run("token", url).one_error(6)
        key.write_bytes(content)

        assert "is not the key of this vault" in error
        assert list(session.home.glob("*.corrupt-*")) == []
        session.ok("token", url)


FAKE_KEYRING = """
import json, pathlib
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
FILE = pathlib.Path(__file__).with_name("items.json")
class Keyring(KeyringBackend):
    priority = 1
    def _items(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}
    def get_password(self, service, username):
        return self._items().get(f"{service} {username}")
    def set_password(self, service, username, password):
        FILE.write_text(json.dumps({**self._items(), f"{service} {username}": password}))
    def delete_password(self, service, username):
        raise NotImplementedError
class Locked(Keyring):
    def get_password(self, service, username):
        raise KeyringLocked("the collection is locked")
"""


class TestKeyring:
    @pytest.fixture
    def with_keyring(self, session: Session) -> Session:
        (session.root / "fakering").mkdir()
        (session.root / "fakering" / "fakering.py").write_text(FAKE_KEYRING)
        session.more = {
            "MCP_VACUUM_KEY_SOURCE": "",
            "PYTHONPATH": os.pathsep.join(
                [str(session.root / "fakering"), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHON_KEYRING_BACKEND": "fakering.Keyring",
        }
        return session

    @pytest.mark.parametrize(
        "backend", ["keyring.backends.fail.Keyring", pytest.param("fakering.Locked", marks=LONG)]
    )
    def test_one_that_is_gone_or_locked_says_so_and_loses_nothing(
        self, with_keyring: Session, lab: Lab, backend: str
    ) -> None:
        session = with_keyring
        session.ok("login", lab.mcp_url)
        assert not (session.home / "vault.key").exists()
        lab.recorder.clear()
        session.more["PYTHON_KEYRING_BACKEND"] = backend
        for command in ("token", "login", "status"):
            assert "keyring" in session.run(command, lab.mcp_url).one_error(6)
        assert lab.recorder.requests == ()
        assert not (session.home / "vault.key").exists()
        session.more["PYTHON_KEYRING_BACKEND"] = "fakering.Keyring"
        session.ok("token", lab.mcp_url)

    def test_a_new_vault_without_one_gets_a_key_file_and_says_so_once(
        self, with_keyring: Session, lab: Lab
    ) -> None:
        session = with_keyring
        session.more["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        first = session.ok("login", lab.mcp_url)
        second = session.ok("login", lab.mcp_url)

        assert str(session.home / "vault.key") in first.err
        assert "vault.key" not in second.err

    @LONG
    def test_unless_only_the_keyring_will_do(self, with_keyring: Session, lab: Lab) -> None:
        session = with_keyring
        session.more |= {
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "MCP_VACUUM_KEY_SOURCE": "keyring",
        }
        session.run("login", lab.mcp_url).one_error(6)

        assert lab.recorder.requests == ()
        assert not (session.home / "vault.db").exists()


class TestHome:
    @pytest.mark.parametrize(
        "source", ["nonsense", pytest.param("keyring:mine", marks=LONG), pytest.param("command:", marks=LONG)]
    )
    def test_an_unknown_key_source(self, session: Session, lab: Lab, source: str) -> None:
        session.more["MCP_VACUUM_KEY_SOURCE"] = source
        session.run("login", lab.mcp_url).one_error(2)

        assert lab.recorder.requests == ()

    def test_a_home_that_is_a_file(self, session: Session, lab: Lab) -> None:
        session.home.write_text("")
        session.run("login", lab.mcp_url).one_error(6)

        assert lab.recorder.requests == ()

    def test_a_home_that_others_may_write(self, session: Session, lab: Lab) -> None:
        session.home.mkdir()
        session.home.chmod(0o777)

        assert "chmod 700" in session.run("login", lab.mcp_url).one_error(6)
        assert lab.recorder.requests == ()
