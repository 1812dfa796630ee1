"""Where an agent is to be found, and what may not be trusted to say so."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import wire
from mcp_vacuum.agent.place import LONGEST_SOCKET, Place, digest_of, stamp_of
from mcp_vacuum.errors import AgentUnavailable, StorageError
from tests.agent.running import NEEDS_ROOT, NOBODY


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory: the length of paths matters here."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with tempfile.TemporaryDirectory(prefix="mv-") as name:
        yield Path(name).resolve()


@pytest.fixture
def runtime(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = root / "runtime"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory


@pytest.fixture
def temp(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files."""
    directory = root / "tmp"
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def deep(root: Path) -> Place:
    """A home whose own socket would have too long a name."""
    return Place(root / ("d" * 60) / ("e" * 60))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestDigest:
    def test_it_is_of_the_real_path(self, root: Path) -> None:
        home, link = root / "home", root / "link"
        home.mkdir()
        link.symlink_to(home)

        assert digest_of(link) == digest_of(home) == sha256(str(home).encode()).hexdigest()[:12]

    def test_two_homes_have_two(self, root: Path) -> None:
        assert digest_of(root / "a") != digest_of(root / "b")

    def test_a_path_need_not_be_utf8(self, root: Path) -> None:
        assert len(digest_of(root / os.fsdecode(b"\xff"))) == 12


class TestSocket:
    def test_in_the_runtime_directory(self, root: Path, runtime: Path) -> None:
        place = Place(root / "home")

        assert place.socket() == runtime / "mcp-vacuum" / f"{place.digest}.sock"
        assert mode_of(runtime / "mcp-vacuum") == 0o700

    def test_without_one_in_the_home(self, root: Path) -> None:
        place = Place(root / "home")

        assert place.socket() == root / "home" / "run" / "agent.sock"
        assert mode_of(place.run) == 0o700

    @pytest.mark.parametrize("value", ["", "relative", "/nowhere/at/all", "."])
    def test_a_runtime_directory_that_is_none(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.chdir(root)
        (root / "relative").mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)

        assert Place(root / "home").socket().name == "agent.sock"

    @pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o1777])
    def test_a_runtime_directory_that_is_open_to_others(self, root: Path, runtime: Path, mode: int) -> None:
        runtime.chmod(mode)

        assert Place(root / "home").socket().name == "agent.sock"
        assert list(runtime.iterdir()) == []

    def test_a_runtime_directory_that_is_a_file(self, root: Path, runtime: Path) -> None:
        runtime.rmdir()
        runtime.touch(mode=0o600)

        assert Place(root / "home").socket().name == "agent.sock"

    @NEEDS_ROOT
    def test_a_runtime_directory_of_another_user(self, root: Path, runtime: Path) -> None:
        """As `su` leaves it."""
        os.chown(runtime, NOBODY, NOBODY)

        assert Place(root / "home").socket().name == "agent.sock"

    def test_a_directory_in_it_that_others_can_enter(self, root: Path, runtime: Path) -> None:
        (runtime / "mcp-vacuum").mkdir()
        (runtime / "mcp-vacuum").chmod(0o755)
        with pytest.raises(StorageError, match="can be entered by others") as caught:
            Place(root / "home").socket()

        assert caught.value.hint == f"chmod 700 {runtime / 'mcp-vacuum'}"

    def test_a_long_path_goes_to_the_directory_for_temporary_files(self, deep: Place, temp: Path) -> None:
        found = deep.socket()

        assert found == temp / f"mcp-vacuum-{os.geteuid()}" / f"{deep.digest}.sock"
        assert len(os.fsencode(found)) <= LONGEST_SOCKET
        assert mode_of(found.parent) == 0o700

    def test_a_long_runtime_directory_is_passed_over(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        long = root / ("r" * 90)
        long.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))

        assert Place(root / "home").socket().name == "agent.sock"

    def test_the_longest_path_can_be_listened_at(self, root: Path) -> None:
        room = LONGEST_SOCKET - len(os.fsencode(root / "x" / "run" / "agent.sock")) + 1
        place = Place(root / ("x" * room))
        found = place.socket()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(found))

        assert found == place.run / "agent.sock"
        assert len(os.fsencode(found)) == LONGEST_SOCKET

    @pytest.mark.parametrize("mode", [0o755, 0o777])
    def test_a_temporary_directory_that_others_can_enter(self, deep: Place, temp: Path, mode: int) -> None:
        squatted = temp / f"mcp-vacuum-{os.geteuid()}"
        squatted.mkdir()
        squatted.chmod(mode)
        with pytest.raises(StorageError):
            deep.socket()

    @NEEDS_ROOT
    def test_a_temporary_directory_of_another_user(self, deep: Place, temp: Path) -> None:
        squatted = temp / f"mcp-vacuum-{os.geteuid()}"
        squatted.mkdir(mode=0o700)
        os.chown(squatted, NOBODY, NOBODY)
        with pytest.raises(StorageError, match="another user"):
            deep.socket()

    def test_a_link_in_the_directory_for_temporary_files_is_not_followed(
        self, root: Path, deep: Place, temp: Path
    ) -> None:
        """Everybody can make one there, and lead it elsewhere later."""
        mine = root / "mine"
        mine.mkdir(mode=0o700)
        (temp / f"mcp-vacuum-{os.geteuid()}").symlink_to(mine)
        with pytest.raises(StorageError, match="symbolic link"):
            deep.socket()

        assert list(mine.iterdir()) == []


class TestSign:
    @pytest.fixture
    def place(self, root: Path) -> Place:
        (root / "home" / "run").mkdir(parents=True, mode=0o700)
        return Place(root / "home")

    def hang(self, place: Place) -> None:
        place.hang_sign(Path("/somewhere/agent.sock"))

    def test_it_comes_back(self, place: Place) -> None:
        self.hang(place)
        sign = place.read_sign()

        assert sign is not None
        assert (sign.socket, sign.digest, sign.version, sign.pid, sign.home) == (
            "/somewhere/agent.sock",
            place.digest,
            __version__,
            str(os.getpid()),
            str(place.home),
        )
        assert mode_of(place.sign) == 0o600
        assert [path.name for path in place.run.iterdir()] == ["agent.at"]

    def test_a_new_one_takes_the_place_of_the_old(self, place: Place) -> None:
        self.hang(place)
        before = stamp_of(place.sign)
        self.hang(place)

        assert stamp_of(place.sign) != before

    def test_none_is_none(self, place: Place) -> None:
        assert place.read_sign() is None
        assert stamp_of(place.sign) is None

    @pytest.mark.parametrize("mode", [0o644, 0o620, 0o666, 0o604])
    def test_open_to_others(self, place: Place, mode: int) -> None:
        self.hang(place)
        place.sign.chmod(mode)
        with pytest.raises(AgentUnavailable, match="open to others") as caught:
            place.read_sign()

        assert caught.value.hint == f"chmod 600 {place.sign}"

    def test_no_way_to_it(self, root: Path) -> None:
        (root / "file").write_text("")
        with pytest.raises(AgentUnavailable, match="cannot be looked into") as caught:
            Place(root / "file").read_sign()

        assert "MCP_VACUUM_HOME" in str(caught.value.hint)
        assert "agent.at" not in str(caught.value.hint)

    @NEEDS_ROOT
    def test_another_users(self, place: Place) -> None:
        self.hang(place)
        os.chown(place.sign, NOBODY, NOBODY)
        with pytest.raises(AgentUnavailable, match="another user"):
            place.read_sign()

    def test_a_directory_or_a_pipe_in_its_place(self, place: Place) -> None:
        place.sign.mkdir()
        with pytest.raises(AgentUnavailable):
            place.read_sign()
        place.sign.rmdir()
        os.mkfifo(place.sign, 0o600)
        with pytest.raises(AgentUnavailable):
            place.read_sign()

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"nonsense",
            wire.words("a", "b", "c", "d", "e", "f"),
            wire.words("a", "b", "c", "d"),
            b"a\0b\0c\0d\0\xff",
            b"\0" * 5000,
        ],
        ids=lambda content: repr(content[:9]),
    )
    def test_a_senseless_one_is_none(self, place: Place, content: bytes) -> None:
        """So the next agent replaces it."""
        self.hang(place)
        place.sign.write_bytes(content)

        assert place.read_sign() is None

    def test_one_of_another_home_is_none(self, place: Place, root: Path) -> None:
        """It came here with a copy of the directory, and leads to the other home's agent."""
        other = Place(root / "copy")
        (root / "copy" / "run").mkdir(parents=True, mode=0o700)
        self.hang(place)
        other.sign.write_bytes(place.sign.read_bytes())
        other.sign.chmod(0o600)

        assert other.read_sign() is None
