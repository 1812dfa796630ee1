"""Server evidence as it would have been collected, for tests of what rules can and cannot tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcp_vacuum.audit.engine import Judgement, judge
from mcp_vacuum.audit.evidence.endpoints import Endpoints
from mcp_vacuum.audit.evidence.server import Issuer, ServerEvidence, read
from mcp_vacuum.audit.rule import Kind, Rule
from tests.audit.made import URL, answered

AS = "https://as.example"
METADATA = f"{AS}/.well-known/oauth-authorization-server"
PRM = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
CHALLENGE = (("www-authenticate", f'Bearer resource_metadata="{PRM}", scope="mcp:tools"'),)
GREETINGS = ("initialize", "server/discover", "tools/list", "tools/call")


def evidence(
    metadata: dict[str, Any] | None = None, endpoints: Endpoints | None = None, **changes: Any
) -> ServerEvidence:
    """Return evidence of a server that is right, but for this."""
    told = {
        "issuer": AS,
        "authorization_endpoint": f"{AS}/authorize",
        "token_endpoint": f"{AS}/token",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        **(metadata or {}),
    }
    prm = answered(200, {"resource": URL, "authorization_servers": [AS]}, url=PRM)
    issuer = Issuer(
        AS, (read("oauth", METADATA, answered(200, told, url=METADATA)),), endpoints or Endpoints()
    )
    seen = ServerEvidence(
        URL,
        {name: answered(401, {}, headers=CHALLENGE) for name in GREETINGS},
        (read("path", PRM, prm),),
        (issuer,),
        (prm,),
    )
    return replace(seen, **changes)


def judged(rule: Rule, seen: ServerEvidence) -> Judgement:
    """Apply the passive check of a rule."""
    (judgement,) = judge((rule,), {Kind.PASSIVE: seen}, (Kind.PASSIVE,))
    return judgement
