"""LAB-11 and LAB-12: servers that do not offer PKCE with S256, and one login after the other."""

from __future__ import annotations

from mcp_vacuum.audit.scenarios.scenario import Scenario
from mcp_vacuum.lab import ABSENT

_METHODS = "code_challenge_methods_supported"

LOGINS = 9
"""With the control they make ten."""

SCENARIOS = (
    Scenario(
        "LAB-11/absent",
        f"the server's metadata lacks {_METHODS}",
        faults={"metadata_override": {_METHODS: ABSENT}},
    ),
    Scenario("LAB-11/null", f"{_METHODS} is null", faults={"metadata_override": {_METHODS: None}}),
    Scenario("LAB-11/empty", f"{_METHODS} is []", faults={"metadata_override": {_METHODS: []}}),
    Scenario("LAB-11/plain", f'{_METHODS} is ["plain"]', faults={"pkce_plain_only": True}),
    *(Scenario(f"LAB-12/{number}", "nothing misbehaves") for number in range(1, LOGINS + 1)),
)
