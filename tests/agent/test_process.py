"""The life of an agent: how it begins, what it takes along, and when it ends. Real processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import mcp_vacuum
from mcp_vacuum.agent import client, wire
from mcp_vacuum.agent.source import adopt
from mcp_vacuum.errors import AgentUnavailable, UsageError
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.safety.secret import readable_in
from mcp_vacuum.storage.home import read_private_file
from tests.agent.running import NEEDS_PROC, Home, alive, environ_of
from tests.helpers import log_in, refreshes, wait_for

pytestmark = [NEEDS_PROC, pytest.mark.long]
PACKAGE = Path(mcp_vacuum.__file__).parent


def started(home: Home) -> int:
    """How many agents have got as far as to serve."""
    return home.log().count(" started")


class TestBeginning:
    def test_token_starts_one_on_demand_and_the_next_ones_ask_it(
        self, home: Home, lab: Lab, url: str
    ) -> None:
        first, second = home.run("token", url), home.run("token", url)

        assert (first.returncode, first.stderr) == (0, "")
        assert first.stdout == second.stdout == f"{lab.issued_access_tokens[-1]}\n"
        assert len(home.agents()) == 1
        assert len(refreshes(lab)) == 1

    def test_ten_at_once_are_one_agent_and_all_are_served(self, home: Home, lab: Lab, url: str) -> None:
        with ThreadPoolExecutor(10) as pool:
            done = list(pool.map(lambda _: home.run("token", url), range(10)))

        assert [each.returncode for each in done] == [0] * 10, done
        assert {each.stdout for each in done} == {f"{lab.issued_access_tokens[-1]}\n"}
        assert (started(home), len(refreshes(lab))) == (1, 1)
        wait_for(lambda: len(home.agents()) == 1, "the end of those that came too late")

    def test_a_second_one_is_told_that_the_place_is_taken(self, home: Home, url: str) -> None:
        pid = home.start()

        assert client.start(home.path) is False
        wait_for(lambda: home.agents() == [pid], "the end of the second one")

    @pytest.mark.parametrize("what", ["run", "run/agent.lock"])
    def test_a_place_that_cannot_be_used_is_not_called_taken(self, home: Home, url: str, what: str) -> None:
        """Else every command would wait for an agent that nobody starts."""
        wrong = home.path / what
        if what == "run":
            shutil.rmtree(wrong, ignore_errors=True)
            wrong.touch()
        else:
            wrong.mkdir(parents=True, mode=0o700)
        with pytest.raises(AgentUnavailable):
            client.start(home.path)

        assert home.run("token", url).returncode == 0
        assert home.run("token", url, env={"MCP_VACUUM_AGENT": "on"}).returncode == 6

    def test_a_directory_for_sockets_that_others_can_enter(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runtime = home.root / "runtime"
        (runtime / "mcp-vacuum").mkdir(parents=True)
        runtime.chmod(0o700)
        (runtime / "mcp-vacuum").chmod(0o755)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        with pytest.raises(AgentUnavailable, match="can be entered by others"):
            client.start(home.path)

        home.wait_for_nobody()

    def test_without_a_vault_there_is_nothing_to_keep(self, home: Home) -> None:
        with pytest.raises(AgentUnavailable, match="no vault") as caught:
            client.start(home.path)

        assert caught.value.hint == "mcp-vacuum login URL"
        home.wait_for_nobody()

    @pytest.mark.parametrize("seconds", ["soon", "0"])
    def test_a_senseless_idle_time(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch, seconds: str
    ) -> None:
        monkeypatch.setenv("MCP_VACUUM_AGENT_IDLE", seconds)
        with pytest.raises(UsageError, match="number of seconds"):
            client.start(home.path)

        home.wait_for_nobody()


class TestWhatItTakesAlong:
    def test_nothing_of_the_shell_that_started_it(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hidden = {
            "MCP_VACUUM_KEY": "a-key-that-must-not-be-inherited",
            "MCP_VACUUM_TOKEN": "a-token-that-must-not-be-inherited",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
            "http_proxy": "http://127.0.0.1:9",
            "ALL_PROXY": "http://127.0.0.1:9",
            "no_proxy": "*",
            "SSL_CERT_FILE": "/nowhere.pem",
            "SSL_CERT_DIR": "/nowhere",
        }
        for name, value in hidden.items():
            monkeypatch.setenv(name, value)
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        try:
            pid = home.start()
            assert f"pipe:[{os.fstat(writing).st_ino}]" not in _open_files(pid)
        finally:
            os.close(reading)
            os.close(writing)

        inherited = environ_of(pid)
        assert inherited["MCP_VACUUM_HOME"] == str(home.path)
        assert set(hidden).isdisjoint(inherited)
        assert not any("must-not-be-inherited" in value for value in inherited.values())

    def test_its_surroundings_are_its_own(self, home: Home, url: str) -> None:
        pid = home.start()
        process = Path(f"/proc/{pid}")
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())

        assert [str((process / "fd" / number).readlink()) for number in "012"] == ["/dev/null"] * 3
        assert str((process / "cwd").readlink()) == "/"
        assert fields["Umask"].strip() == "0077"
        assert os.getsid(pid) != os.getsid(0)
        assert int(fields["PPid"]) != os.getpid()
        assert home.place.log.stat().st_mode & 0o777 == 0o600
        assert home.place.sign.stat().st_mode & 0o777 == 0o600
        assert home.place.run.stat().st_mode & 0o777 == 0o700
        assert b"\0-I\0" in (process / "cmdline").read_bytes()

    def test_no_module_beside_it_passes_for_a_standard_one(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evil, marker = home.root / "evil", home.root / "marker"
        evil.mkdir()
        for name in ("json", "socket", "logging", "asyncio", "sitecustomize", "usercustomize", "anyio"):
            (evil / f"{name}.py").write_text(f"open({str(marker)!r}, 'a').write({name!r})")
        monkeypatch.chdir(evil)
        monkeypatch.setenv("PYTHONPATH", f"{evil}:{PACKAGE.parent}")
        monkeypatch.setenv("PYTHONSTARTUP", str(evil / "json.py"))
        home.start()

        assert not marker.exists()
        assert home.token(url)["token_type"] == "Bearer"

    def test_a_standard_name_beside_the_package_does_not_win(self, home: Home, url: str) -> None:
        copy, marker = home.root / "site", home.root / "marker"
        shutil.copytree(PACKAGE, copy / "mcp_vacuum", ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "asyncio.py").write_text(f"open({str(marker)!r}, 'a')")
        program = f"""
import pathlib, sys
sys.path.insert(next(n for n, path in enumerate(sys.path) if path.endswith("-packages")), {str(copy)!r})
from mcp_vacuum.agent import client
client.start(pathlib.Path({str(home.path)!r}))
print(client.__file__)
"""
        done = home.python("-c", program, env={"PYTHONPATH": ""})

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(str(copy))
        assert len(home.agents()) == 1
        assert not marker.exists()

    def test_no_token_is_written_anywhere(self, home: Home, lab: Lab, url: str) -> None:
        token = home.run("token", url).stdout.strip()
        (pid,) = home.agents()
        os.kill(pid, signal.SIGHUP)
        home.wait_for_the_end(pid)
        home.start()
        assert home.run("token", url, "--min-valid", "61").returncode == 0
        (pid,) = home.agents()
        secrets = [token, *lab.issued_access_tokens, *lab.issued_refresh_tokens]
        places = [Path(f"/proc/{pid}/cmdline").read_bytes(), Path(f"/proc/{pid}/environ").read_bytes()]
        places += [path.read_bytes() for path in home.path.rglob("*") if path.is_file()]

        assert token
        assert not any(readable_in(content, secret) for content in places for secret in secrets)


class TestItsParent:
    def test_a_long_running_one_gets_no_zombie(self, home: Home, url: str) -> None:
        pid = home.start()
        os.kill(pid, signal.SIGTERM)
        home.wait_for_the_end(pid)
        mine = [
            entry
            for entry in Path("/proc").iterdir()
            if entry.name.isdecimal() and _parent_of(entry) == os.getpid() and _state_of(entry) == "Z"
        ]

        assert mine == []

    def test_one_that_dies_right_after_starting_it(self, home: Home, url: str) -> None:
        program = (
            "import os, pathlib; from mcp_vacuum.agent import client; "
            f"client.start(pathlib.Path({str(home.path)!r})); os._exit(9)"
        )
        assert home.python("-c", program).returncode == 9

        assert home.token(url)["token_type"] == "Bearer"

    def test_one_that_dies_before_it_said_a_word(self, home: Home, url: str) -> None:
        program = (
            "import os, pathlib, socket; from mcp_vacuum.agent import client; "
            "mine, its = socket.socketpair(); "
            f"client._spawn(pathlib.Path({str(home.path)!r}), its); os._exit(9)"
        )
        assert home.python("-c", program).returncode == 9
        home.wait_for_nobody()

        assert home.start() in home.agents()


def _parent_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _state_of(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


class TestEnding:
    def gone(self, home: Home) -> bool:
        return not home.place.sign.exists() and not home.place.socket().exists()

    def test_when_idle(self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_VACUUM_AGENT_IDLE", "0.5")
        pid = home.start()
        home.wait_for_the_end(pid)

        assert self.gone(home)
        assert "agent ended" in home.log()

    def test_not_while_a_token_lives_that_would_be_lost(
        self, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A login without a refresh token is as long as its access token, and that is in the agent alone."""
        monkeypatch.setenv("MCP_VACUUM_AGENT_IDLE", "0.5")
        with Lab(LabConfig(issue_refresh_token=False, access_token_lifetime=4)) as lab:
            store = home.store()
            result = log_in(lab, store)
            assert result.credential is not None
            assert adopt(store, result.credential)
            (pid,) = home.agents()
            time.sleep(2)
            assert alive(pid)
            home.wait_for_the_end(pid)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_when_told_to(self, home: Home, url: str, number: int) -> None:
        pid = home.start()
        with home.connect() as silent:
            os.kill(pid, number)
            home.wait_for_the_end(pid)
            assert silent.recv(4096)

        assert self.gone(home)

    def test_when_its_socket_is_gone(self, home: Home, url: str) -> None:
        pid = home.start()
        home.place.socket().unlink()
        home.wait_for_the_end(pid)

        assert self.gone(home)

    def test_when_its_sign_is_gone(self, home: Home, url: str) -> None:
        """Nobody would find it, and nobody else could start."""
        pid = home.start()
        home.place.sign.unlink()
        home.wait_for_the_end(pid)

        assert self.gone(home)
        assert home.start() != pid

    def test_when_its_home_is_gone(self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its socket is elsewhere, and still there."""
        runtime = home.root / "runtime"
        runtime.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        pid = home.start()
        path = home.place.socket()
        assert path.is_relative_to(runtime)
        home.path.rename(home.root / "away")
        home.wait_for_the_end(pid)

        assert not path.exists()

    def test_when_another_has_taken_its_place(self, home: Home, url: str) -> None:
        """The socket of the other one stays."""
        pid = home.start()
        path = home.place.socket()
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            home.wait_for_the_end(pid)
            assert path.exists()

    def test_when_the_package_is_another_version(self, home: Home, lab: Lab, url: str) -> None:
        copy = home.root / "copy"
        shutil.copytree(PACKAGE, copy / "mcp_vacuum", ignore=shutil.ignore_patterns("__pycache__"))
        version = copy / "mcp_vacuum" / "_version.py"
        first = home.run("token", url, env={"PYTHONPATH": str(copy)})
        (pid,) = home.agents()
        version.write_text(version.read_text().replace('"0.', '"99.'))
        home.wait_for_the_end(pid)
        second = home.run("token", url, env={"PYTHONPATH": str(copy)})
        sign = home.place.read_sign()

        assert (first.returncode, second.returncode) == (0, 0)
        assert sign is not None
        assert sign.version.startswith("99.")


class TestAfterKill9:
    def killed(self, home: Home) -> int:
        pid = home.start()
        os.kill(pid, signal.SIGKILL)
        home.wait_for_the_end(pid)
        assert home.place.sign.exists()
        assert home.place.socket().exists()
        return pid

    def test_a_new_agent_takes_the_place(self, home: Home, lab: Lab, url: str) -> None:
        old = self.killed(home)
        done = home.run("token", url, env={"MCP_VACUUM_AGENT": "on"})

        assert (done.returncode, done.stdout) == (0, f"{lab.issued_access_tokens[-1]}\n")
        assert old not in home.agents()
        assert len(home.agents()) == 1

    def test_also_after_an_upgrade(self, home: Home, url: str) -> None:
        """What is left of an agent of another version stands in nobody's way."""
        self.killed(home)
        sign = home.place.sign.read_bytes()
        home.place.sign.write_bytes(sign.replace(mcp_vacuum.__version__.encode(), b"0.0.1"))

        assert home.run("token", url, env={"MCP_VACUUM_AGENT": "on"}).returncode == 0

    def test_a_copy_of_the_home_gets_an_agent_of_its_own(
        self, home: Home, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its sign leads to the agent of the original, which is not its agent."""
        home.start()
        copy = Home(home.root / "second")
        shutil.copytree(
            home.path, copy.path, ignore=lambda _, names: [name for name in names if name.endswith(".sock")]
        )
        monkeypatch.setenv("MCP_VACUUM_HOME", str(copy.path))
        monkeypatch.setenv("MCP_VACUUM_AGENT", "on")
        done = home.run("token", url, env={"MCP_VACUUM_AGENT": "on"})

        assert done.returncode == 0
        assert len(home.agents()) == 2
        status = client.ask(copy.path, wire.Status())
        assert (status["home"], len(status["holds"])) == (str(copy.path), 1)


def test_a_full_log_begins_anew(home: Home, url: str) -> None:
    home.place.run.mkdir(mode=0o700, exist_ok=True)
    home.place.log.touch(mode=0o600)
    home.place.log.write_bytes(b"x" * (256 * 1024 + 1))
    home.start()

    assert len(read_private_file(home.place.log)) < 1000


def test_the_module_is_started_with_the_interpreter_of_its_caller(home: Home, url: str) -> None:
    pid = home.start()

    assert Path(f"/proc/{pid}/cmdline").read_bytes().startswith(sys.executable.encode() + b"\0-I\0")


def _open_files(pid: int) -> list[str]:
    """What a process has open; what it closes meanwhile is not in it."""
    found: list[str] = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(entry.readlink()))
    return found
