"""What may be shown in public: no name of a person, no secret, no path below a home but with `~`.

Checks are written so that no secret reaches a finding. This is the second line: every text of a report
goes through `Public`, and what looks private is taken out wherever it came from.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import printable

HIDDEN = "***"
_LONGEST = 1000
_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s'\"<>,;()]+)", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@(?=[\w-]+\.[\w.-]+)")
_KEY_COMMAND = re.compile(r"\bcommand:(\S+).*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LOOKS_RANDOM = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[\w.~=+%-]{20,}")
"""A path segment like those that some servers use as a password; a UUID names a tenant and is shown."""


@dataclass(frozen=True, slots=True)
class Public:
    """Takes out of a text what is nobody's business.

    Attributes:
        homes: Paths that become ``~``, the longest first.
        user: The user's name, hidden where it is a part of a path; None to hide none.
        secrets: Values that are hidden wherever they stand.
    """

    homes: tuple[str, ...] = ()
    user: str | None = None
    secrets: tuple[Secret, ...] = ()

    def __call__(self, text: str) -> str:
        """Return what may be shown of a text: one printable line."""
        for secret in self.secrets:
            text = text.replace(secret.reveal(), HIDDEN)
        text = printable(text, _LONGEST)
        for home in self.homes:
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
        text = _KEY_COMMAND.sub(r"command:\1 …", text)
        pieces = re.split(_URL, text)  # URLs are every second one
        pieces[::2] = [self._without_user(piece) for piece in pieces[::2]]
        pieces[1::2] = [public_url(url) for url in pieces[1::2]]
        return _EMAIL.sub(f"{HIDDEN}@", "".join(pieces))

    def _without_user(self, text: str) -> str:
        if self.user is None:
            return text
        return re.sub(rf"(?<=/){re.escape(self.user)}(?![\w.-])", HIDDEN, text)


def public_url(url: str) -> str:
    """Return a URL without its user, its query, and the parts of its path that look like a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    host = parts.netloc.rpartition("@")[2]
    path = "/".join(_segment(each) for each in parts.path.split("/"))
    return f"{parts.scheme}://{host}{path}" + ("?…" if parts.query else "")


def for_this_user(secrets: Iterable[Secret] = ()) -> Public:
    """Return what is public for the user of this process."""
    homes = {str(Path.home()), os.path.realpath(Path.home()), os.environ.get("HOME", "")} - {"", "/"}
    return Public(tuple(sorted(homes, key=len, reverse=True)), _user(), tuple(secrets))


def _segment(text: str) -> str:
    return HIDDEN if _LOOKS_RANDOM.fullmatch(text) and not _UUID.fullmatch(text) else text


def _user() -> str | None:
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None
    return None if name == "root" else name
