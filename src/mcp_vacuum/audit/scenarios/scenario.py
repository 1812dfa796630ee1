"""What a scenario is: a row of the table, and what it may do while a client runs in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mcp_vacuum.audit.evidence.client import Answer
from mcp_vacuum.lab import Lab, LabConfig
from mcp_vacuum.lab.messages import App, Request, Response

HONEST = LabConfig(require_resource=False)
"""All in order, and the server puts up with a missing `resource`, to see what else a client does."""

Twist = Callable[[Request, App], Response]
"""Stands before a laboratory: takes each request and the honest code, and gives the answer."""


@dataclass(slots=True)
class Stage:
    """A scenario while it runs.

    Attributes:
        labs: The client is sent to the first.
        visit: Plays the person at a browser; returns the URL where that ends.
        request: Sends a probe to the client's listener: purpose, method and URL.
        twists: What stands before each laboratory, by its number.
        notes: What the rules have to know besides.
        at_once: How many of it are started at the same time, in the same home.
        folder: For files of the scenario.
        stack: What has to be closed when the run is over.
        environment: More variables for the client.
        url: What the client gets in place of the first laboratory's URL.
        aliases: Hosts under which the client knows those of the laboratories.
        ending: Called when the client has ended.
    """

    labs: tuple[Lab, ...]
    visit: Callable[[str], str]
    request: Callable[[str, str, str], Answer]
    twists: dict[int, Twist] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    at_once: int = 1
    folder: Path = field(default_factory=Path)
    stack: ExitStack = field(default_factory=ExitStack)
    environment: dict[str, str] = field(default_factory=dict)
    url: str = ""
    aliases: dict[str, str] = field(default_factory=dict)
    ending: list[Callable[[], None]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def lab(self) -> Lab:
        """The one that the client is sent to."""
        return self.labs[0]

    @property
    def other(self) -> Lab:
        """The second one."""
        return self.labs[1]

    def twist(self, twist: Twist, lab: int = 0) -> None:
        """Put something before a laboratory."""
        self.twists[lab] = twist


Arrange = Callable[[Stage], None]
Person = Callable[[Stage, str], None]
"""Gets every URL that the client opens."""


def nothing(_: Stage) -> None:
    """Arrange nothing."""


def a_person(stage: Stage, url: str) -> None:
    """Visit the URL, and consent."""
    stage.visit(url)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A row of the table.

    Attributes:
        name: ``LAB-11``, or ``LAB-11/plain`` for one of its variants.
        what: What misbehaves, in words that may begin a sentence of a finding.
        faults: Switches of the first laboratory (`lab.faults`).
        arrange: Sets up what needs the running laboratories: their URLs, or something before them.
        config: The honest properties of the first laboratory.
        others: More laboratories beside it.
        person: Plays the person at the browser.
        again: Before each of these the client has ended; then it is started once more in the same home.
        environment: More variables for the client.
        quiet: Seconds of silence after which the run is over.
        least: Seconds that the client has at least, whatever was asked for.
    """

    name: str
    what: str
    faults: Mapping[str, object] = field(default_factory=dict)
    arrange: Arrange = nothing
    config: LabConfig = HONEST
    others: tuple[LabConfig, ...] = ()
    person: Person = a_person
    again: tuple[Arrange, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    quiet: float = 4.0
    least: float = 0.0

    @property
    def family(self) -> str:
        """The name without the variant."""
        return self.name.partition("/")[0]
