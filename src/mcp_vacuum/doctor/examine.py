"""The order of an examination: look at everything, judge it, and let nothing private out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mcp_vacuum.doctor.agent import AgentFacts, check_agent, look_at_agent
from mcp_vacuum.doctor.clock import Clock, check_clock, look_at_clock
from mcp_vacuum.doctor.conversation import Conversation, Terms, converse
from mcp_vacuum.doctor.disk import Disk, check_disk, look_at_disk
from mcp_vacuum.doctor.finding import Report, Section, skipped
from mcp_vacuum.doctor.hops import check_route
from mcp_vacuum.doctor.key import Key, check_key, look_at_key
from mcp_vacuum.doctor.logins import Logins, check_logins, look_at_logins
from mcp_vacuum.doctor.place import Place, check_place, look_at_place
from mcp_vacuum.doctor.public import for_this_user
from mcp_vacuum.doctor.route import Route, look_at_route
from mcp_vacuum.doctor.server import AFTER_PROBE, check_conversation, check_stored
from mcp_vacuum.doctor.surroundings import Surroundings, check_surroundings, look_around
from mcp_vacuum.doctor.vault import VaultFile, check_vault, look_at_vault
from mcp_vacuum.errors import LoginRequired
from mcp_vacuum.models import Credential
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import host_of, normalise_server_url
from mcp_vacuum.storage.credentials import CredentialStore
from mcp_vacuum.storage.key_source import Ask


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything on this side.

    Attributes:
        logins: None where the store could not be opened.
        secrets: Of the logins, so that none can be shown.
    """

    around: Surroundings
    place: Place
    disk: Disk
    vault: VaultFile
    key: Key
    clock: Clock
    agent: AgentFacts
    logins: Logins | None
    secrets: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """Everything on the way to one server.

    Attributes:
        name: Under which logins to it are kept.
        url: Where it is asked; None for a name that has no URL.
        talk: None where it could not be reached.
    """

    name: str
    url: str | None = None
    route: Route | None = None
    talk: Conversation | None = None


def examine(target: str | None = None, ask: Ask | None = None) -> Report:
    """Look at this machine and, with a target, at the way to one server.

    Args:
        target: A server URL, an alias, or a host name; None for this machine alone.
        ask: How a passphrase is asked for, where that is the vault's key; the terminal if absent.

    Raises:
        UsageError: The target is no URL, or could mean several servers.
        LoginRequired: No login is known by that name.
    """
    wanted = normalise_server_url(target) if target and "://" in target else target
    around = look_around()  # first: the key source `env` takes its variable out of the environment
    place = look_at_place()
    vault = look_at_vault(place.home)
    if place.unmakeable:
        vault = replace(vault, trouble="the state directory cannot be made")
    key, store = look_at_key(place.home, vault, ask)
    logins = look_at_logins(store, place.home) if store else None if vault.size or vault.trouble else Logins()
    machine = Machine(
        around,
        place,
        look_at_disk(place.home),
        vault,
        key,
        look_at_clock(vault.written_at),
        look_at_agent(place.home),
        logins,
        _secrets(logins),
    )
    server = look_at_server(_name(wanted, store), logins) if wanted else None
    return judged(machine, server).mapped(for_this_user(machine.secrets))


def judged(machine: Machine, server: Server | None) -> Report:
    """Judge the facts; nothing is looked at any more."""
    logins = () if server else tuple(check_logins(machine.logins))
    sections = [
        Section(
            "this machine",
            (
                *check_surroundings(machine.around),
                check_clock(machine.clock),
                check_agent(machine.agent),
            ),
        ),
        Section(
            "what is kept",
            (
                *check_place(machine.place),
                *check_disk(machine.disk),
                *check_vault(machine.vault),
                *check_key(machine.key),
                *logins,
            ),
        ),
    ]
    if server is not None:
        sections.append(server_section(server, machine.logins))
    return Report(tuple(sections))


def server_section(facts: Server, logins: Logins | None) -> Section:
    """Judge the way to one server, and the logins to it."""
    found = list(check_route(facts.route)) if facts.route else [skipped("name", "it has no URL")]
    if facts.talk is not None:
        found += check_conversation(facts.talk)
    else:
        found += [skipped(name, "there is no way to the server") for name in ("greeting", *AFTER_PROBE)]
    return Section(facts.url or facts.name, (*found, *check_stored(logins, facts.name, facts.talk)))


def look_at_server(name: str, logins: Logins | None) -> Server:
    """Gather the facts about one server, under the terms of a stored login to it."""
    stored = next((each for each in logins.opened if each.server == name), None) if logins else None
    url = name if "://" in name else stored.resource if stored else None
    if url is None:
        return Server(name)
    route = look_at_route(url, _policy(url, stored))
    if not route.reached:
        return Server(name, url, route)
    return Server(name, url, route, converse(url, _policy(url, stored), _terms(stored, url)))


def _name(wanted: str, store: CredentialStore | None) -> str:
    """Return what logins to the server are filed under."""
    if "://" in wanted:
        return wanted
    named = store.server_named(wanted) if store else None
    if named is None:
        raise LoginRequired(
            wanted, "no login is known by that name", hint="mcp-vacuum doctor URL, or mcp-vacuum list"
        )
    return named


def _policy(url: str, stored: Credential | None) -> NetworkPolicy:
    return NetworkPolicy(host_of(url), allow_private=stored.allow_private_network if stored else False)


def _terms(stored: Credential | None, url: str) -> Terms:
    if stored is None:
        return Terms()
    own = stored.resource if stored.resource != url else None
    return Terms(own, stored.quirks, stored.legacy)


def _secrets(logins: Logins | None) -> tuple[Secret, ...]:
    """Every secret of every login, for the last look at what is shown."""
    found = []
    for each in logins.opened if logins else ():
        client = each.client
        found += [each.refresh_token, each.dpop_key, each.grant_settings]
        found += (
            [client.client_secret, client.registration_access_token, client.private_key] if client else []
        )
    return tuple(secret for secret in found if secret is not None)
