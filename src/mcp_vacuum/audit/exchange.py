"""One request and what came back, as it was: the raw material of every finding. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mcp_vacuum.protocol.effects import HttpRequest, HttpResponse
from mcp_vacuum.safety.limits import NotADocument, load_document

Outcome = Literal["answered", "refused", "unreachable", "lost", "oversized", "visited"]
"""``refused``: not sent, by a rule of ours. ``unreachable``: not sent. ``lost``: sent, no usable answer.
``oversized``: sent, and the answer is larger than what was to be read. ``visited``: between a person's
browser and a server, or back to us; its answer was not ours to see."""


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """A request and its answer, or why there is none.

    Attributes:
        number: Its place in the recording, from 1.
        purpose: Why it was sent, in a few words, for people.
        method, url: As sent, or as it would have been.
        request: What was sent; None if the URL is none that a request may go to.
        response: What came, unabridged; None unless `outcome` is ``answered``.
        outcome: How it ended.
        failure: Why there is no answer; empty if there is one.
        started_at: Unix seconds.
        seconds: How long it took.
    """

    number: int
    purpose: str
    method: str
    url: str
    request: HttpRequest | None
    response: HttpResponse | None
    outcome: Outcome
    failure: str
    started_at: float
    seconds: float

    def __repr__(self) -> str:
        return f"Exchange({self.number}: {self.method} {self.url}, {self.said})"

    @property
    def status(self) -> int:
        """The status code; 0 if there is no answer."""
        return self.response.status if self.response else 0

    @property
    def said(self) -> str:
        """The status, or why there is none, in a few words."""
        return f"status {self.status}" if self.response else self.failure

    @property
    def media_type(self) -> str:
        """The answer's media type, lower-case, without parameters; empty if there is none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    def header(self, name: str) -> str | None:
        """Return the first value of a header of the answer (lower-case name), or None."""
        return self.response.header(name) if self.response else None

    def lines(self, name: str) -> list[str]:
        """Return every value of a header of the answer."""
        return self.response.header_lines(name) if self.response else []

    @property
    def document(self) -> Mapping[str, Any]:
        """The JSON object in the body, its members as they came; read only, by agreement.

        Raises:
            NotADocument: There is none, within the limits of `safety.limits`.
        """
        if self.response is None:
            raise NotADocument("no answer")
        return load_document(self.response.body)
