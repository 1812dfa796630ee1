"""A login in this process's own hands: what the faults of one process need, whether or not an agent runs."""

from __future__ import annotations

from mcp_vacuum.storage.secure import SecureTokenStorage
from mcp_vacuum.tokens.source import LoginTokens
from mcp_vacuum.tokens.stored import find_login, login_tokens


def token_source(url: str) -> LoginTokens:
    """Return the tokens of a login in the user's vault."""
    store = SecureTokenStorage().store
    return login_tokens(store, find_login(store, url))
