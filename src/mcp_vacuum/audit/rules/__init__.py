"""The catalogue, readable top to bottom: what `audit_oauth_flow` checks, in the guide's order."""

from __future__ import annotations

from mcp_vacuum.audit.rule import Rule
from mcp_vacuum.audit.rules.lifetime import access_tokens_are_short_lived
from mcp_vacuum.audit.rules.pkce import s256_on_every_request, verifier_is_random
from mcp_vacuum.audit.rules.redirect import redirect_uri_is_exact, redirect_uri_is_safe
from mcp_vacuum.audit.rules.state import state_is_checked, state_is_unguessable
from mcp_vacuum.audit.rules.storage import (
    access_tokens_in_memory_only,
    key_is_kept_elsewhere,
    refresh_tokens_encrypted,
)

CATALOGUE: tuple[Rule, ...] = (
    s256_on_every_request,
    verifier_is_random,
    redirect_uri_is_safe,
    redirect_uri_is_exact,
    state_is_unguessable,
    state_is_checked,
    refresh_tokens_encrypted,
    key_is_kept_elsewhere,
    access_tokens_in_memory_only,
    access_tokens_are_short_lived,
)
