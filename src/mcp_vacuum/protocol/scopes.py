"""Which scopes to ask for (MCP authorization, "Scope Selection Strategy")."""

from __future__ import annotations

from collections.abc import Iterable

OFFLINE_ACCESS = "offline_access"


def union(*scopes: str | None) -> str | None:
    """Join space-separated scopes, each once, in order of first appearance; None if there are none."""
    words = dict.fromkeys(word for scope in scopes if scope for word in scope.split())
    return " ".join(words) or None


def choose_scope(
    *,
    wanted: Iterable[str] = (),
    challenged: str | None = None,
    resource_scopes: Iterable[str] | None = None,
    server_scopes: Iterable[str] | None = None,
) -> str | None:
    """Return the scope to ask for, space separated, or None to ask for nothing.

    The person's own wish, else the challenge's scope as it stands, else the resource's
    `scopes_supported`, else none; `offline_access` is added only where the authorization server lists it.
    """
    chosen = " ".join(wanted) or challenged or " ".join(resource_scopes or ())
    offline = OFFLINE_ACCESS if OFFLINE_ACCESS in (server_scopes or ()) else None
    return union(chosen, offline)
