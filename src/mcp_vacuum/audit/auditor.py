"""SecurityAuditor and `audit_server`: collect evidence, apply the catalogue, report."""

from __future__ import annotations

from typing import Any

from mcp_vacuum.audit.engine import judge
from mcp_vacuum.audit.evidence.active_audit import collect_active
from mcp_vacuum.audit.evidence.active_session import MOST_REQUESTS as MOST_ACTIVE_REQUESTS
from mcp_vacuum.audit.evidence.active_session import ActiveOptions, Waiting, asleep
from mcp_vacuum.audit.evidence.flow import collect
from mcp_vacuum.audit.evidence.server import collect_server
from mcp_vacuum.audit.evidence.wire import MOST_REQUESTS, Wire
from mcp_vacuum.audit.report import SecurityReport, report_of
from mcp_vacuum.audit.rule import Kind
from mcp_vacuum.audit.rules import CATALOGUE, OF_THE_GUIDE
from mcp_vacuum.errors import ServerUnavailable
from mcp_vacuum.login_options import Progress, Ways, by_browser, silent
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.url import host_of, normalise_server_url


class SecurityAuditor:
    """Security compliance checker for OAuth clients."""

    def audit_oauth_flow(self, client: Any, *, fetch_metadata: bool = False) -> SecurityReport:
        """Audit a configured `OAuth2Client` against the six rules of the guide, and what else it shows.

        PKCE, exact redirect URI, state, encrypted storage, access tokens in memory only, token lifetime; then
        https, the code flow alone, and the form of its name.
        A made-up token is put into the client's storage, looked for in its files, and deleted again. Nothing
        is sent, unless `fetch_metadata` asks for it.

        Args:
            client: An `OAuth2Client`, or an object with its attributes.
            fetch_metadata: GET the client ID metadata document that the client_id is the URL of (or its
                `client_metadata_url`), and the `jwks_uri` in it. This blocks for 20 s at most.

        Raises:
            StorageError: The client's storage cannot be used.
        """
        target = f"client {getattr(client, 'client_id', 'without an id')}"
        rules = (*CATALOGUE, *OF_THE_GUIDE)
        return report_of(
            target, judge(rules, {Kind.FLOW: collect(client, fetch_metadata=fetch_metadata)}, (Kind.FLOW,))
        )


async def audit_server(
    url: str,
    active: ActiveOptions | None = None,
    *,
    ways: Ways = by_browser,
    progress: Progress = silent,
    wait: Waiting = asleep,
) -> SecurityReport:
    """Audit an MCP server and its authorization servers, without a login or with some.

    Args:
        url: In any spelling.
        active: How to log in, for what only a login can show; None sends nothing that changes anything.
        ways: Who says yes, and how.
        progress: Told each login.
        wait: Lets time pass, where that is what a rule is about.

    Raises:
        UsageError: It is no http(s) URL.
        SecurityRefused: It is plain http to a host that is not loopback.
        ServerUnavailable: Nothing answers there.
    """
    target = normalise_server_url(url)
    most = MOST_REQUESTS if active is None else MOST_ACTIVE_REQUESTS
    async with Wire(NetworkPolicy(host_of(target)), most=most) as wire:
        seen = await collect_server(wire, target)
        if not seen.reached:
            first = seen.exchanges[0]
            raise ServerUnavailable(
                first.failure, hint="check the URL and the network, then try again", url=target
            )
        evidence: dict[Kind, Any] = {Kind.PASSIVE: seen}
        if active is not None:
            evidence[Kind.ACTIVE] = await collect_active(
                wire, seen, active, ways=ways, progress=progress, wait=wait
            )
        judgements = judge(CATALOGUE, evidence, (Kind.PASSIVE, Kind.ACTIVE))
        return report_of(target, judgements, wire.exchanges)
