"""What a shell is offered for the word that is being typed: logins, accounts, names, else files.

What is kept is read from the clear columns of the vault: no key is asked for, no agent, and nothing is made.
A shell that asks is in the middle of somebody's line, so of any trouble not a word is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from mcp_vacuum.storage.base import Entry

Items = list[CompletionItem[str]]
_PLAIN = re.compile(r"[\w.:/@%+=~-]+")
"""What no shell obeys: what is offered goes into the line as it is."""


# --- for one parameter ------------------------------------------------------------------------------------


def logins(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Offer what names a login: aliases and server URLs; hosts too, once something is typed."""
    from mcp_vacuum.storage.names import host_of

    kept = _kept()
    servers = _servers(kept)
    hosts = [host for host in map(host_of, servers) if host and incomplete]
    aliases = [CompletionItem(each.alias, help=each.key.name) for each in kept if each.alias]
    once = [CompletionItem(host) for host in hosts if hosts.count(host) == 1]
    return _beginning(incomplete, [*aliases, *once, *map(CompletionItem, servers)])


def servers(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Offer the URLs of servers that somebody is logged in to."""
    return _beginning(incomplete, map(CompletionItem, _servers(_kept())))


def accounts(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Offer the accounts of the login that is named already; those of all logins before one is."""
    from mcp_vacuum.safety.url import normalise_server_url
    from mcp_vacuum.storage.names import matching

    kept = _kept()
    named = ctx.params.get("url") or next(
        iter(ctx.args), None
    )  # left unparsed before an option without value
    if named:
        kept = matching(normalise_server_url(named) if "://" in named else named, kept)
    return _beginning(incomplete, map(CompletionItem, dict.fromkeys(each.key.account for each in kept)))


def quirks(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Offer the deviations that can be tolerated."""
    from mcp_vacuum.protocol.quirks import QUIRKS

    return _beginning(incomplete, [CompletionItem(each.name, help=each.why) for each in QUIRKS.values()])


def scenarios(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Offer the families of scenarios, and the variants of the one that is typed."""
    from mcp_vacuum.audit.scenarios import SCENARIOS

    families = dict.fromkeys(each.family for each in SCENARIOS)
    variants = [each.name for each in SCENARIOS if incomplete.startswith(each.family)]
    return _beginning(incomplete, map(CompletionItem, dict.fromkeys([*families, *variants])))


def files(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """Have the shell offer its files."""
    return [CompletionItem(incomplete, type="file")]


def _kept() -> Sequence[Entry]:
    from mcp_vacuum.storage.home import state_home
    from mcp_vacuum.storage.reading import read_logins

    return read_logins(state_home())


def _servers(kept: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(each.key.name for each in kept))


def _beginning(incomplete: str, items: Iterable[CompletionItem[str]]) -> Items:
    return [item for item in items if item.value.startswith(incomplete) and _PLAIN.fullmatch(item.value)]


# --- for a shell ------------------------------------------------------------------------------------------


class _Offering(ShellComplete):
    """Where nothing else is to be offered, and in any trouble, the shell offers its files."""

    def get_completions(self, args: list[str], incomplete: str) -> Items:
        """Return what fits the word, or that the shell should look for files."""
        try:
            found = super().get_completions(args, incomplete)
        except Exception:  # noqa: BLE001 - nobody asked for a word about it
            found = []
        return found or [CompletionItem(incomplete, type="file")]


class _Bash(_Offering, BashComplete):
    """Bash takes words apart at their colons, URLs included, and puts what it gets after the last one."""

    _given = ""

    def source(self) -> str:
        """Return the script; where it says nothing, Bash does as it does for other programs."""
        return super().source().replace("complete -o nosort", "complete -o nosort -o default")

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words as they were typed."""
        args, incomplete = super().get_completion_args()
        words = _rejoined([*args, incomplete])
        if words[-1] != incomplete:
            self._given = words[-1][: words[-1].rindex(":") + 1]
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return a line for the script."""
        return f"{item.type},{item.value.removeprefix(self._given)}"


class _Zsh(_Offering, ZshComplete):
    """Zsh."""


class _Fish(_Offering, FishComplete):
    """Fish."""


_SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}
SHELLS = tuple(_SHELLS)
"""For which there is a script."""
VARIABLE = "_MCP_VACUUM_COMPLETE"
"""In it the script says what it wants: ``bash_complete``."""


def script(group: click.Group, shell: str) -> str:
    """Return the completion script of one of `SHELLS`."""
    return _of(group, shell).source()


def offered(group: click.Group, wanted: str) -> str:
    """Return what the script of a shell reads; nothing if it wants something else.

    Args:
        group: The whole command line.
        wanted: The value of `VARIABLE`.
    """
    shell, _, what = wanted.partition("_")
    if shell not in _SHELLS or what != "complete":
        return ""
    try:
        return _of(group, shell).complete()
    except (KeyError, ValueError):  # the other variables of the script are not there
        return ""


def _of(group: click.Group, shell: str) -> ShellComplete:
    return _SHELLS[shell](group, {}, "mcp-vacuum", VARIABLE)


def _rejoined(words: list[str]) -> list[str]:
    """Put together what was taken apart at colons; nobody types one alone."""
    whole = words[:1]
    for before, word in pairwise(words):
        if word and not (before.strip(":") and word.strip(":")):
            whole[-1] += word
        else:
            whole.append(word)
    return whole
