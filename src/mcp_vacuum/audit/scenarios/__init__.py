"""The table of scenarios: what misbehaves, in the order in which it is played.

A scenario is a row in its family's module; a family, a line here. `LAB-00` comes first: it is the control.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcp_vacuum.audit.evidence.client import CONTROL
from mcp_vacuum.audit.scenarios import (
    addresses,
    certificates,
    discovery,
    issuer,
    legacy,
    listener,
    metadata,
    opening,
    pkce,
    registration,
    requests,
    retries,
    state,
    tokens,
)
from mcp_vacuum.audit.scenarios.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(CONTROL, "nothing misbehaves"),
    *discovery.SCENARIOS,
    *metadata.SCENARIOS,
    *opening.SCENARIOS,
    *pkce.SCENARIOS,
    *state.SCENARIOS,
    *issuer.SCENARIOS,
    *listener.SCENARIOS,
    *registration.SCENARIOS,
    *tokens.SCENARIOS,
    *retries.SCENARIOS,
    *legacy.SCENARIOS,
    *addresses.SCENARIOS,
    *certificates.SCENARIOS,
    *requests.SCENARIOS,
)


def chosen(names: Sequence[str]) -> tuple[Scenario, ...]:
    """Return the scenarios of these names, families or variants; all if there are none.

    The control is always among them. Case means nothing.

    Raises:
        KeyError: There is no such scenario.
    """
    known = {name.casefold() for scenario in SCENARIOS for name in (scenario.name, scenario.family)}
    for name in names:
        if name.casefold() not in known:
            raise KeyError(name)
    wanted = {CONTROL.casefold(), *(name.casefold() for name in names)} if names else known
    return tuple(each for each in SCENARIOS if wanted & {each.name.casefold(), each.family.casefold()})
