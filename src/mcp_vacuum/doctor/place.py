"""The state directory: where it is, and who else may look into it or change it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mcp_vacuum.doctor.finding import Finding, fail, ok, skipped, warn
from mcp_vacuum.storage.entries import Entry, entries, entry
from mcp_vacuum.storage.home import HOME_VARIABLE, WRITABLE_BY_OTHERS, state_home

DEPTH = 3
"""How deep the directory is searched."""
MANY = 2000
"""How many entries are looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """The facts.

    Attributes:
        home: The state directory.
        named: It comes from the environment.
        home_entry: The directory itself; None if there is none yet.
        entries: What is in it.
        trouble: Why it cannot be looked into; None if it can.
        unmakeable: Why a login could not make it; None if it could, or if it is there.
    """

    home: Path
    named: bool
    home_entry: Entry | None = None
    entries: tuple[Entry, ...] = ()
    trouble: str | None = None
    unmakeable: str | None = None


def look_at_place() -> Place:
    """Gather the facts."""
    home = state_home()
    named = bool(os.environ.get(HOME_VARIABLE))
    try:
        if not home.exists():
            return Place(home, named, unmakeable=_unmakeable(home))
        here = entry(home, follow=True)
        found = tuple(islice(entries(home, DEPTH), MANY)) if here.is_directory else ()
    except OSError as caught:
        return Place(home, named, trouble=(caught.strerror or str(caught)).lower())
    return Place(home, named, here, found)


# --- checks -----------------------------------------------------------------------------------------------


def check_place(facts: Place) -> Iterator[Finding]:
    """Judge the facts."""
    yield check_home(facts)
    yield check_permissions(facts)


def check_home(facts: Place) -> Finding:
    """Say where all state is."""
    source = f"from {HOME_VARIABLE}" if facts.named else "the user's data directory"
    if facts.trouble:
        return fail(
            "home", f"{facts.home} cannot be read: {facts.trouble}", fix=f"set {HOME_VARIABLE}, or repair it"
        )
    if facts.unmakeable:
        return fail(
            "home",
            f"{facts.home} cannot be made: {facts.unmakeable}",
            fix=f"set {HOME_VARIABLE} to a directory of yours",
        )
    if facts.home_entry is None:
        return ok("home", f"{facts.home} ({source}) is made at the first login")
    if not facts.home_entry.is_directory:
        return fail("home", f"{facts.home} is no directory", fix=f"move it away, or set {HOME_VARIABLE}")
    return ok("home", f"{facts.home} ({source})")


def check_permissions(facts: Place) -> Finding:
    """See that nobody else can read or change what is kept."""
    if facts.trouble:
        return skipped("permissions", "the directory could not be looked into")
    if facts.home_entry is None:
        return skipped("permissions", "there is no directory yet")
    if not facts.home_entry.is_directory:
        return skipped("permissions", "there is no directory")
    for judge in (_foreign, _changeable, _readable, _links):
        found = judge(facts)
        if found is not None:
            return found
    return ok("permissions", f"yours alone: {len(facts.entries)} files, none open to others")


def _foreign(facts: Place) -> Finding | None:
    assert facts.home_entry is not None
    guilty = [each for each in (facts.home_entry, *facts.entries) if not each.mine]
    if not guilty:
        return None
    return fail(
        "permissions",
        f"{guilty[0].path} belongs to another user{_more(guilty)}",
        "it is not touched: whoever owns it could change it under us",
        f"chown -R {_me()} {facts.home}, or run the command as that user",
    )


def _changeable(facts: Place) -> Finding | None:
    home = facts.home_entry
    if home is None or not home.is_directory or not home.mode & WRITABLE_BY_OTHERS:
        return None
    return fail(
        "permissions",
        f"{facts.home} is writable by others (mode {stat.S_IMODE(home.mode):04o})",
        "they could put another vault in the place of yours",
        f"chmod 700 {facts.home}",
    )


def _readable(facts: Place) -> Finding | None:
    guilty = [each for each in facts.entries if each.open_to_others and not each.is_directory]
    keys = [each for each in guilty if each.path.endswith(".key")]
    if keys:
        return fail(
            "permissions",
            f"{keys[0].path} is open to others (mode {stat.S_IMODE(keys[0].mode):04o})",
            "whoever has the key and a copy of the vault has the logins",
            f"chmod 600 {keys[0].path}",
        )
    if guilty:
        return warn(
            "permissions",
            f"{guilty[0].path} is open to others (mode {stat.S_IMODE(guilty[0].mode):04o}){_more(guilty)}",
            fix=f"chmod -R go= {facts.home}",
        )
    home = facts.home_entry
    if home is not None and home.open_to_others:
        return warn(
            "permissions",
            f"others can list {facts.home} (mode {stat.S_IMODE(home.mode):04o}); its files are yours alone",
            fix=f"chmod 700 {facts.home}",
        )
    return None


def _links(facts: Place) -> Finding | None:
    guilty = [each for each in facts.entries if each.is_link]
    if not guilty:
        return None
    return warn(
        "permissions",
        f"{guilty[0].path} is a symbolic link{_more(guilty)}",
        "what it leads to is judged when it is opened; its companions are kept beside the link",
        f"set {HOME_VARIABLE} to where the files are",
    )


def _unmakeable(home: Path) -> str | None:
    """Say what is in the way: the nearest thing that is there has to be a directory that we may write in."""
    nearest = next(path for path in (home, *home.parents) if os.path.lexists(path))
    if not os.path.isdir(nearest):  # noqa: PTH112  (False where even looking is forbidden)
        return f"{nearest} is no directory"
    as_who_we_act = os.access in os.supports_effective_ids
    if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=as_who_we_act):
        return f"{nearest} is not writable"
    return None


def _more(entries: list[Entry]) -> str:
    return f", and {len(entries) - 1} more" if len(entries) > 1 else ""


def _me() -> str:
    return str(os.geteuid()) if sys.platform != "win32" else "YOU"
