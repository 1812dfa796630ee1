"""The catalogue, readable top to bottom: every rule, checked or planned, by family.

A rule is added by writing one small function in its family; a family, by a line here.
"""

from __future__ import annotations

from mcp_vacuum.audit.rule import Rule
from mcp_vacuum.audit.rules import (
    client_binding,
    client_discovery,
    client_document,
    client_issuer,
    client_listener,
    client_more,
    client_network,
    client_pkce,
    client_proofs,
    client_redirect,
    client_refresh,
    client_registering,
    client_registration,
    client_resource,
    client_retries,
    client_state,
    client_token_use,
    client_tokens,
    resource_challenge,
    resource_metadata,
    resource_tokens,
    resource_transport,
    server_authorization,
    server_clients,
    server_codes,
    server_extensions,
    server_metadata,
    server_pkce,
    server_refresh,
    server_tls,
    server_tokens,
    store_binding,
    store_lifetime,
    store_privacy,
    store_protection,
    store_strength,
)
from mcp_vacuum.audit.rules.config import with_config_checks

_OF_FAMILIES: tuple[Rule, ...] = (
    *client_discovery.RULES,
    *client_network.RULES,
    *client_pkce.RULES,
    *client_state.RULES,
    *client_issuer.RULES,
    *client_redirect.RULES,
    *client_listener.RULES,
    *client_resource.RULES,
    *client_registering.RULES,
    *client_registration.RULES,
    *client_document.RULES,
    *client_binding.RULES,
    *client_tokens.RULES,
    *client_token_use.RULES,
    *client_refresh.RULES,
    *client_retries.RULES,
    *client_more.RULES,
    *client_proofs.RULES,
    *server_metadata.RULES,
    *server_tls.RULES,
    *server_pkce.RULES,
    *server_authorization.RULES,
    *server_codes.RULES,
    *server_tokens.RULES,
    *server_refresh.RULES,
    *server_clients.RULES,
    *server_extensions.RULES,
    *resource_metadata.RULES,
    *resource_challenge.RULES,
    *resource_tokens.RULES,
    *resource_transport.RULES,
    *store_protection.RULES,
    *store_privacy.RULES,
    *store_binding.RULES,
    *store_lifetime.RULES,
    *store_strength.RULES,
)

CATALOGUE: tuple[Rule, ...] = with_config_checks(_OF_FAMILIES)

OF_THE_GUIDE: tuple[Rule, ...] = (store_protection.no_stored_access_tokens,)
"""What the guide asks beyond the catalogue."""
