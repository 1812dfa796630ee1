"""Store evidence as it would have been collected, for tests of what rules can and cannot tell."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from mcp_vacuum.audit.engine import Judgement, judge
from mcp_vacuum.audit.evidence.store import StoreEvidence, VaultSeen
from mcp_vacuum.audit.evidence.store_traces import Surroundings
from mcp_vacuum.audit.rule import Kind, Rule
from mcp_vacuum.models import Credential
from mcp_vacuum.storage.base import Entry as Row
from mcp_vacuum.storage.base import RecordKey
from mcp_vacuum.storage.entries import Entry
from tests.audit.machine import ISSUER, SERVER, credential

HOME = "~/.local/share/mcp-vacuum"


def evidence(*logins: Credential, **changes: Any) -> StoreEvidence:
    """Return evidence of an honest machine, but for this; one honest login if none is given."""
    row = Row(RecordKey("login", SERVER, "default"), 1, ISSUER)
    honest = StoreEvidence(
        home=HOME,
        directory=Entry(HOME, 0o40700, True),
        entries=(Entry(f"{HOME}/vault.db", 0o100600, True),),
        loose=(),
        outside=(),
        vault=VaultSeen(f"{HOME}/vault.db", {"key_source": "keyring"}, (row,)),
        logins=logins or (credential(),),
        clients=(),
        closed=(),
        readable=(),
        foreign=(),
        servers={},
        traces=(),
        above=Surroundings(),
        unseen=(),
        now=time.time(),
    )
    return replace(honest, **changes)


def judged(rule: Rule, seen: StoreEvidence) -> Judgement:
    """Apply the check of what is stored."""
    (judgement,) = judge((rule,), {Kind.STORE: seen}, (Kind.STORE,))
    return judgement
