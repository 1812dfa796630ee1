"""Which request may carry which token: one check for every integration (RFC 9700 §4.9.1, RFC 8707).

A token goes to URLs of its resource's origin, under its resource's path, and nowhere else.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mcp_vacuum.errors import WrongAudience
from mcp_vacuum.safety.url import origin, printable

_SLASH = r"[/\\]|%2f|%5c"
_DOTS = re.compile(rf"(?:^|{_SLASH})(?:\.|%2e){{1,2}}(?={_SLASH}|;|$)", re.IGNORECASE)
"""A dot segment, also where a server decodes a slash first or takes ``..;x`` for one with a parameter."""
_REMEMBERED = 256


class Audience:
    """The URLs that one token may be sent to."""

    def __init__(self, resource: str) -> None:
        """Take the resource identifier of a login."""
        self.resource = resource
        self._origin = origin(resource)
        self._path = urlsplit(resource).path.rstrip("/")
        self._admitted: set[str] = set()

    def check(self, url: str) -> None:
        """Let a URL pass.

        Raises:
            WrongAudience: It is not under the resource.
        """
        if url in self._admitted:
            return
        if not self._covers(url):
            raise WrongAudience(
                f"a token for {self.resource} is not sent to {printable(url.partition('?')[0])}",
                spec="RFC 9700 §4.9.1",
                url=self.resource,
            )
        if len(self._admitted) < _REMEMBERED:
            self._admitted.add(url)

    def _covers(self, url: str) -> bool:
        try:
            path = urlsplit(url).path
            same_origin = origin(url) == self._origin
        except ValueError:
            return False
        under = path == self._path or path.startswith(f"{self._path}/")
        return same_origin and under and not _DOTS.search(path)
