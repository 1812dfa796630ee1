"""The way in: what it answers is what the whole command line answers, and everything else goes there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mcp_vacuum.agent import client, wire
from mcp_vacuum.lab import Lab
from tests.agent.running import Home, a_home, impostor

FAST = "from mcp_vacuum.cli.fast import main; main()"
WHOLE = "from mcp_vacuum.cli.main import main; main()"
LOADED = (
    "import sys; from mcp_vacuum.cli import fast; line = fast._line(sys.argv[1:]); "
    "print(sorted(n for n in sys.modules if n.startswith('mcp_vacuum'))); "
    "print(sorted({'json', 'socket', 'click', 're', 'typing', 'asyncio'} & (set(sys.modules) - set(%r)))); "
    "print(line is not None)"
)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    with a_home(monkeypatch) as home:
        yield home


@pytest.fixture
def url(home: Home, lab: Lab) -> str:
    """A login whose agent runs and holds a token."""
    home.log_in(lab)
    home.start()
    home.token(lab.mcp_url)
    return lab.mcp_url


def both(home: Home, *arguments: str) -> tuple[subprocess.CompletedProcess[str], ...]:
    return home.python("-c", FAST, *arguments), home.python("-c", WHOLE, *arguments)


FLAGS = ((), ("--header",), ("--account", "default"), ("--min-valid", "30"), ("--header", "--min-valid", "1"))
OTHERS = (
    ("token", "https://nobody.example/mcp"),
    ("token",),
    ("token", "URL", "--json"),
    ("token", "URL", "more"),
    ("token", "URL", "--account"),
    ("token", "URL", "--account", "other"),
    ("token", "URL", "--min-valid", "soon"),
    ("token", "URL", "--min-valid", "-1"),
    ("token", "--help"),
    ("--quiet", "token", "URL"),
    ("--version",),
)


def test_it_prints_what_the_whole_command_line_prints(home: Home, url: str) -> None:
    for flags in FLAGS:
        fast, whole = both(home, "token", url, *flags)

        assert (fast.returncode, fast.stdout, fast.stderr) == (0, whole.stdout, ""), flags
        assert (whole.returncode, whole.stderr) == (0, ""), flags
        assert len(fast.stdout) > 20


def test_a_token_that_lives_shorter_than_asked_for_is_said_on_stderr(home: Home, url: str) -> None:
    words = "not for the 7200 s that were asked for: the server's tokens live 1800 s\n"
    for flags in ((), ("--header",)):
        fast, whole = both(home, "token", url, "--min-valid", "7200", *flags)

        assert (fast.returncode, fast.stdout) == (0, whole.stdout)
        assert fast.stderr.startswith("note: this token is good for 1")
        assert fast.stderr.endswith(words)
        assert whole.stderr.endswith(words)


@pytest.mark.long
def test_everything_else_is_the_whole_command_lines(home: Home, url: str) -> None:
    for arguments in OTHERS:
        fast, whole = both(home, *(url if word == "URL" else word for word in arguments))

        answers = [(done.returncode, done.stdout, done.stderr) for done in (fast, whole)]
        assert answers[0] == answers[1], arguments


def test_it_loads_next_to_nothing(home: Home, url: str) -> None:
    begun = home.python("-c", "import sys; print(list(sys.modules))").stdout
    before = [name.strip(" '") for name in begun.strip("[]\n").split(",")]
    ours, heavy, answered = home.python("-c", LOADED % before, "token", url).stdout.splitlines()

    assert answered == "True"
    assert heavy == "[]"
    assert json.loads(ours.replace("'", '"')) == [
        "mcp_vacuum",
        "mcp_vacuum._version",
        "mcp_vacuum.agent",
        "mcp_vacuum.agent.peer",
        "mcp_vacuum.cli",
        "mcp_vacuum.cli.fast",
    ]


def test_without_an_agent_one_is_started_by_the_whole_command_line(home: Home, lab: Lab) -> None:
    home.log_in(lab)
    done = home.python("-c", FAST, "token", lab.mcp_url)

    assert done.returncode == 0, done.stderr
    assert home.status() is not None


def test_with_the_agent_off_it_is_not_asked(home: Home, url: str) -> None:
    before = (home.status() or {})["requests"]
    done = home.python("-c", FAST, "token", url, env={"MCP_VACUUM_AGENT": "off"})

    assert done.returncode == 0
    assert (home.status() or {})["requests"] == before + 1  # the question just now


def test_a_locked_agent_is_explained(home: Home, url: str) -> None:
    client.ask(home.path, wire.Lock())
    done = home.python("-c", FAST, "token", url)

    assert (done.returncode, done.stdout) == (6, "")
    assert "mcp-vacuum agent unlock" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("greeting", [b"", b"\0\0\0\1\1", wire.frame(wire.words(wire.NAME, "0" * 12, "0"))])
def test_what_does_not_greet_as_ours_is_not_believed(home: Home, lab: Lab, greeting: bytes) -> None:
    home.log_in(lab)
    reply = wire.frame(wire.words("ok", "Bearer", "a-token-of-somebody-else"))
    with impostor(home, greeting, reply):
        done = home.python("-c", FAST, "token", lab.mcp_url)

    assert "a-token-of-somebody-else" not in done.stdout
    assert done.returncode == 0


def test_a_sign_that_others_may_write_is_not_read(home: Home, url: str) -> None:
    home.place.sign.chmod(0o666)
    done = home.python("-c", f"from mcp_vacuum.cli import fast; print(fast._line(['token', {url!r}]))")

    assert done.stdout == "None\n"


def test_a_reader_that_has_gone_is_no_error(home: Home, url: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", FAST, "token", url], stdout=gone, stderr=subprocess.PIPE, check=False
        )

    assert (done.returncode, done.stderr) == (0, b"")
