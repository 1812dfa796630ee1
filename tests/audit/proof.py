"""`make audit-proof`: recall and false alarms over the planted flaws."""

from __future__ import annotations

import sys

from mcp_vacuum.audit.rules import CATALOGUE
from tests.audit.golden import clients, table
from tests.audit.planted import ROOMS, Outcome, planted, try_out


def main() -> int:
    """Print the table; return 1 if a flaw was missed or a rule cried wolf."""
    outcomes = [try_out(flaw) for flaw in planted()]
    for outcome in outcomes:
        if outcome.missed or outcome.false_alarms:
            print(
                f"{outcome.planted}: missed {sorted(outcome.missed)}, alarms {sorted(outcome.false_alarms)}"
            )
    print(summary(outcomes))
    print("\nreal servers, by their kept reports (tests/interop/test_audit.py compares them)")
    print("\n".join(table()))
    print("\nreal clients, by their kept reports (tests/interop/test_audit_clients.py compares them)")
    print("\n".join(clients.table()))
    return int(any(outcome.missed or outcome.false_alarms for outcome in outcomes))


def summary(outcomes: list[Outcome]) -> str:
    """Say how well it went."""
    found = sum(outcome.found for outcome in outcomes)
    alarms = sum(len(outcome.false_alarms) for outcome in outcomes)
    proven = {outcome.planted.rule for outcome in outcomes if outcome.found}
    implemented = {rule.id for rule in CATALOGUE if rule.implemented}
    return "\n".join(
        [
            f"planted flaws      {len(outcomes)} ({', '.join(ROOMS)})",
            f"found              {found}, recall {100 * found / len(outcomes):.1f} %",
            f"false alarms       {alarms}",
            f"rules implemented  {len(implemented)} of {len(CATALOGUE)}",
            f"of these proven    {len(proven & implemented)} by a planted flaw",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
