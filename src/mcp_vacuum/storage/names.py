"""What people call a login: an alias, its server's URL with or without the scheme, or its host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from mcp_vacuum.errors import UsageError
from mcp_vacuum.models import DEFAULT_ACCOUNT
from mcp_vacuum.safety.url import completed
from mcp_vacuum.storage.base import Entry

ALIAS = re.compile(r"[^\W_][\w.-]{0,63}")


def matching(name: str, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return the logins that `name` can mean: by alias, else by URL, by host, or by URL without a scheme."""
    return (
        [entry for entry in entries if entry.alias == name]
        or [entry for entry in entries if entry.key.name == name]
        or [entry for entry in entries if name.lower() in _hosts(entry.key.name)]
        or [entry for entry in entries if entry.key.name in completed(name)]
    )


def host_of(name: str) -> str | None:
    """Return the host in a URL, or in what people type for one, in lower case; None where there is none."""
    hosts = _hosts(name if "://" in name else f"//{name}")
    return hosts[0] or None if hosts else None


def the_one(name: str, entries: Sequence[Entry]) -> Entry | None:
    """Return the login that is meant; of several accounts of a server the default one.

    Raises:
        UsageError: Several could be meant; the message lists them.
    """
    if len({entry.key.name for entry in entries}) == 1:
        entries = [entry for entry in entries if entry.key.account == DEFAULT_ACCOUNT] or entries
    if len(entries) > 1:
        listed = ", ".join(f"{entry.key.name} (account {entry.key.account})" for entry in entries)
        raise UsageError(
            f"{name} could mean {listed}", hint="give the whole URL, and --account where it has several"
        )
    return entries[0] if entries else None


def _hosts(url: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "", parts.netloc.lower()) if parts.netloc else ()
    except ValueError:  # the name of a machine grant may look like anything
        return ()
