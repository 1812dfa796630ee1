"""`audit_store`: what is kept on this machine, against the catalogue."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.evidence.store import collect_store
from mcp_vacuum.audit.report import SecurityReport, report_of
from mcp_vacuum.audit.rule import Kind
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.storage.home import state_home

if TYPE_CHECKING:
    from mcp_vacuum.storage.key_source import Ask


def audit_store(
    state: Path | None = None,
    *,
    person: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    ask: Ask | None = None,
) -> SecurityReport:
    """Audit the vault, and what other programs left readable in the home of this person.

    Nothing is changed and nothing is sent. The vault's key is asked for once, where its source needs nobody;
    a passphrase only with `ask`. What cannot be judged without the key is INCONCLUSIVE.

    Args:
        state: The state directory; that of this user if absent. It need not exist.
        person: The home of the person; that of this user if absent.
        environ: The environment, in which other programs may have named their directories.
        ask: How a passphrase is asked for; None asks nobody.
    """
    seen = collect_store(state or state_home(), person=person, environ=environ, ask=ask)
    rules = (*CATALOGUE, *OF_THE_GUIDE)
    return report_of(seen.home, judge(rules, {Kind.STORE: seen}, (Kind.STORE,)))
