"""Plays one scenario with one client: laboratories, a home, the person at the browser, and an end."""

from __future__ import annotations

import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.client import CANARY, Answer, Ended, Place, Run
from mcp_vacuum.audit.evidence.client_home import Home, url_in
from mcp_vacuum.audit.evidence.client_process import Program
from mcp_vacuum.audit.evidence.client_record import MOST_OF_A_BODY, Recording
from mcp_vacuum.audit.scenarios.scenario import Arrange, Scenario, Stage, Twist
from mcp_vacuum.lab import Lab, User
from mcp_vacuum.lab.user import Page
from mcp_vacuum.safety.address import is_loopback_host

URL = "{url}"
"""Stands for the MCP server's URL in the arguments of a command."""
_ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost)[^\s\"'<>]*[?&]client_id=[^\s\"'<>]+")
_STEP = 0.03
_PULSE = 0.5
_IDLE_TICKS = 2
"""Of a hundredth of a second in `_PULSE`: what an event loop takes that waits."""
_PATIENCE = 3.0
"""Seconds that the browser tries again where the client's listener is not there yet."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take.

    Attributes:
        timeout: Seconds until the client is ended.
        keep_env: Variables of ours that it gets.
        stop: Set when the whole audit is to end.
    """

    timeout: float = 20.0
    keep_env: tuple[str, ...] = ()
    stop: threading.Event = field(default_factory=threading.Event)


def perform(command: Sequence[str], scenario: Scenario, limits: Limits) -> Run:
    """Run a client in a scenario.

    Args:
        command: Its arguments; ``{url}`` in them becomes the URL of the laboratory.
        scenario: What misbehaves.
        limits: Time and environment.
    """
    with ExitStack() as stack:
        root = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="mcp-vacuum-audit-", ignore_cleanup_errors=True)
            )
        )
        labs = tuple(stack.enter_context(Lab(config)) for config in (scenario.config, *scenario.others))
        home = Home.make(root, secrets.token_hex(16))
        return _Performance(scenario, limits, labs, home, stack).play(command)


class _Performance:
    def __init__(
        self, scenario: Scenario, limits: Limits, labs: tuple[Lab, ...], home: Home, stack: ExitStack
    ) -> None:
        self._scenario, self._limits, self._home = scenario, limits, home
        self._opened: list[str] = []
        self._answers: list[Answer] = []
        self._servers = {urlsplit(url).netloc for lab in labs for url in (lab.mcp_url, lab.issuer)}
        self._stage = Stage(labs, self._visit, self._request, folder=home.files, stack=stack)
        self._recording = Recording(scenario.name, self._stage.aliases)
        self._visits: list[threading.Thread] = []
        self._printed = {"stdout": "", "stderr": ""}
        self._ended_at = 0.0

    def play(self, command: Sequence[str]) -> Run:
        began = time.monotonic()
        self._set_up()
        ended, code = self._start(self._filled(command))
        for arrange in self._scenario.again:
            if ended in ("stopped", "not started"):
                break
            arrange(self._stage)
            ended, code = self._start(self._filled(command))
        for finish in self._stage.ending:
            finish()
        return self._run(ended, code, time.monotonic() - began)

    def _filled(self, command: Sequence[str]) -> list[str]:
        return [each.replace(URL, self._stage.url or self._stage.lab.mcp_url) for each in command]

    def _set_up(self) -> None:
        for number, lab in enumerate(self._stage.labs):
            lab.faults.around = self._recording.before(self._twist_of(number))
        for name, value in self._scenario.faults.items():
            setattr(self._stage.lab.faults, name, value)
        self._scenario.arrange(self._stage)

    def _twist_of(self, number: int) -> Callable[[], Twist | None]:
        return lambda: self._stage.twists.get(number)

    def _start(self, command: Sequence[str]) -> tuple[Ended, int | None]:
        environment = {
            **self._scenario.environment,
            **self._stage.environment,
            **self._home.environment(self._limits.keep_env),
        }
        self._recording.touch()
        try:
            programs = [Program(command, environment) for _ in range(self._stage.at_once)]
        except OSError as error:
            self._printed["stderr"] += f"{command[0]}: {error.strerror}"
            return "not started", None
        try:
            return self._watch(programs), programs[0].exit_code
        finally:
            self._ended_at = time.time()
            for program in programs:
                program.end()
            self._notice_opened()
            for name in self._printed:
                self._printed[name] += "".join(program.output(name) for program in programs)

    def _watch(self, programs: Sequence[Program]) -> Ended:
        deadline = time.monotonic() + max(self._limits.timeout, self._scenario.least)
        pulses = [_Pulse(program) for program in programs]
        while any(program.exit_code is None for program in programs):
            self._notice_opened()
            if any(pulse.beats() for pulse in pulses):
                self._recording.touch()
            if self._limits.stop.is_set():
                return "stopped"
            if time.monotonic() > deadline:
                return "timeout"
            if self._silent and not self._found_printed(programs[0]):
                return "quiet"
            time.sleep(_STEP)
        return "exited"

    @property
    def _silent(self) -> bool:
        """Something arrived, nothing is being answered, and for a while nothing happened."""
        recording = self._recording
        busy = recording.active or any(visit.is_alive() for visit in self._visits)
        if busy or not recording.begun:
            return False
        return time.monotonic() - recording.touched > self._scenario.quiet

    # --- the person ------------------------------------------------------------------------------------

    def _notice_opened(self) -> None:
        for arguments in self._home.opened():
            self._open(url_in(arguments))

    def _found_printed(self, program: Program) -> bool:
        """Take an address that the client printed, as a person would where no browser opens."""
        printed = _ADDRESS.search(program.output("stdout") + program.output("stderr"))
        if self._opened or printed is None:
            return False
        self._open(printed[0])
        return True

    def _open(self, url: str) -> None:
        self._opened.append(url)
        self._recording.touch()
        visit = threading.Thread(target=self._play_person, args=(url,), daemon=True)
        self._visits.append(visit)
        visit.start()

    def _play_person(self, url: str) -> None:
        with suppress(OSError, ValueError, RuntimeError, HTTPException):
            self._scenario.person(self._stage, url)
        self._recording.touch()

    def _visit(self, url: str) -> str:
        return User(timeout=self._limits.timeout, patience=_PATIENCE, watch=self._saw).visit(url)

    def _saw(self, method: str, url: str, page: Page | None) -> None:
        if urlsplit(url).netloc not in self._servers:
            headers = [(name.lower(), value) for name, value in page.headers.items()] if page else []
            body = page.page[:MOST_OF_A_BODY] if page else ""
            answer = Answer("the answer", method, url, page.status if page else 0, tuple(headers), body)
            self._answers.append(answer)

    def _request(self, purpose: str, method: str, url: str) -> Answer:
        answer = _probe(purpose, method, url)
        self._answers.append(answer)
        return answer

    # --- what is handed over ---------------------------------------------------------------------------

    def _run(self, ended: Ended, code: int | None, seconds: float) -> Run:
        return Run(
            self._scenario.name,
            self._scenario.what,
            tuple(map(_place, self._stage.labs)),
            self._recording.exchanges(),
            tuple(self._opened),
            tuple(self._answers),
            ended,
            code if ended == "exited" else None,
            self._printed["stdout"],
            self._printed["stderr"],
            (*self._stage.notes, *([CANARY] if (self._home.directory / CANARY).exists() else [])),
            seconds,
            self._ended_at,
        )


class _Pulse:
    """Tells, twice a second at most, whether a program is working: a slow start is no silence."""

    def __init__(self, program: Program) -> None:
        self._program, self._ticks, self._asked = program, 0, time.monotonic()

    def beats(self) -> bool:
        if time.monotonic() - self._asked < _PULSE:
            return False
        before, self._ticks, self._asked = self._ticks, self._program.worked_for, time.monotonic()
        return self._ticks - before > _IDLE_TICKS


def _place(lab: Lab) -> Place:
    return Place(
        lab.mcp_url,
        lab.issuer,
        lab.resource,
        lab.resource_metadata_url,
        lab.issued_codes,
        lab.issued_access_tokens,
        lab.issued_refresh_tokens,
        lab.issued_client_secrets,
    )


def _probe(purpose: str, method: str, url: str) -> Answer:
    """Request something of the client's own listener, on loopback only."""
    with suppress(OSError, ValueError, HTTPException), _connected(url) as connection:
        parts = urlsplit(url)
        connection.request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        came = connection.getresponse()
        headers = tuple((name.lower(), value) for name, value in came.getheaders())
        body = came.read(MOST_OF_A_BODY).decode("utf-8", "replace")
        return Answer(purpose, method, url, came.status, headers, body)
    return Answer(purpose, method, url, 0)


@contextmanager
def _connected(url: str) -> Iterator[HTTPConnection]:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not is_loopback_host(parts.hostname):
        raise ValueError("only loopback is asked")
    connection = HTTPConnection(parts.hostname, parts.port, timeout=3)
    try:
        yield connection
    finally:
        connection.close()


__all__ = ["URL", "Arrange", "Limits", "perform"]
