"""The order of an active audit: what harms nothing first, what ends a grant last, and at the end no trace.

Sent are: registrations of clients of the auditor's own, logins of the person who runs it, read-only MCP
requests, and requests that have to be refused. Nothing that belongs to anybody else is named or ended.
"""

from __future__ import annotations

import anyio

from mcp_vacuum.audit.evidence import active_codes as codes
from mcp_vacuum.audit.evidence import active_defects as defects
from mcp_vacuum.audit.evidence import active_endpoints as endpoints
from mcp_vacuum.audit.evidence import active_pushed as pushed
from mcp_vacuum.audit.evidence import active_refresh as refreshes
from mcp_vacuum.audit.evidence import active_resource as resource
from mcp_vacuum.audit.evidence.active import ActiveEvidence
from mcp_vacuum.audit.evidence.active_assertions import offer_assertions
from mcp_vacuum.audit.evidence.active_authorize import look
from mcp_vacuum.audit.evidence.active_client import choose_clients, forget_clients
from mcp_vacuum.audit.evidence.active_login import Logins, listen
from mcp_vacuum.audit.evidence.active_proof import offer_bad_proofs
from mcp_vacuum.audit.evidence.active_session import AS_USUAL, ActiveOptions, Session, Waiting, asleep
from mcp_vacuum.audit.evidence.server import Fetched, ServerEvidence
from mcp_vacuum.audit.evidence.wire import Wire
from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.login_options import Progress, Ways, by_browser, silent
from mcp_vacuum.protocol.challenge import parse_challenges
from mcp_vacuum.protocol.proof import Prover
from mcp_vacuum.safety.url import check_endpoint

_TIDYING = 30.0
"""Seconds for taking back what was made, also after the person gave up."""


async def collect_active(
    wire: Wire,
    server: ServerEvidence,
    options: ActiveOptions = AS_USUAL,
    *,
    ways: Ways = by_browser,
    progress: Progress = silent,
    wait: Waiting = asleep,
) -> ActiveEvidence:
    """Audit a server with logins of the person's own.

    Args:
        wire: The recorded wire that `server` came over.
        server: What was seen without a login.
        options: See `ActiveOptions`.
        ways: Who says yes, and how.
        progress: Told each login.
        wait: Lets time pass, where that is what a rule is about.
    """
    document = _document(server)
    if isinstance(document, str):
        return ActiveEvidence(server, unseen={"all": document, "document": document})
    session = Session(wire, server, document, options, ways, progress, wait)
    given = options.redirect_uri or next(iter(options.client.redirect_uris if options.client else ()), None)
    with listen(given, options.callback_port) as listener:
        session.redirect_uri = listener.redirect_uri
        try:
            await _everything(session, Logins(session, listener))
        finally:
            with anyio.move_on_after(_TIDYING, shield=True):
                await refreshes.end_all(session)
                await forget_clients(session)
    return session.evidence()


def _document(server: ServerEvidence) -> Fetched | str:
    """Return the metadata to go by, or why there is none."""
    if server.open or not server.protected:
        return "NOT_APPLICABLE: the server asks nobody for a login"
    found = [(issuer, each) for issuer in server.issuers for each in issuer.found]
    for _, document in found:
        try:
            for name in ("authorization_endpoint", "token_endpoint"):
                check_endpoint(document.text(name) or "", name)
        except SecurityRefused:
            continue
        return document
    return "no authorization server has metadata with endpoints that a login could go to"


async def _everything(session: Session, logins: Logins) -> None:
    await choose_clients(session)
    if session.client is None:
        return
    if _is_bound(session):
        session.prover = Prover.generate(session.document.words("dpop_signing_alg_values_supported"))
    await look(session)
    await endpoints.look_at_token_endpoint(session)
    await endpoints.look_at_introspection(session)
    await endpoints.look_at_device_login(session)
    await pushed.push(session)
    await resource.offer_garbage(session)
    await resource.knock_everywhere(session)
    await codes.first_login(session, logins)
    if "all" not in session.unseen:
        await _with_a_token(session, logins)
    await offer_assertions(session, logins)
    await endpoints.guess(session)


async def _with_a_token(session: Session, logins: Logins) -> None:
    await resource.use(session)
    await resource.offer_others(session)
    await resource.offer_forged(session)
    await resource.offer_unbound(session)
    await resource.collect_sessions(session)
    await codes.ladder(session, logins)
    await defects.decide_pkce(session, logins)
    await defects.decide_redirect(session, logins)
    await defects.silently(session, logins)
    await defects.other_resource(session, logins)
    await resource.offer_other_audience(session)
    await refreshes.refresh(session)
    await offer_bad_proofs(session)
    await pushed.log_in_with_pushed(session, logins)
    await codes.hold(session, logins)
    await _ending(session, logins)
    await defects.widening(session, logins)
    await codes.short_verifier(session, logins)
    await pushed.use_expired(session, logins)


async def _ending(session: Session, logins: Logins) -> None:
    """What may end a grant; where all logins of a client are one grant, the first end is the end of all."""
    await refreshes.as_another(session)
    await refreshes.reuse(session)
    await codes.replays(session, logins)
    if session.other is not None:
        await codes.as_confidential(session, logins)
        await refreshes.without_secret(session)
        await refreshes.revoke(session, "granted to another", session.other.credentials)
        return
    await refreshes.revoke(session, refreshes.spare(session), session.credentials)


def _is_bound(session: Session) -> bool:
    """Say whether the server takes only tokens that are bound to a key (RFC 9728 §2, RFC 9449 §7.1)."""
    found = session.server.resource_metadata
    if found is not None and (found.members or {}).get("dpop_bound_access_tokens_required") is True:
        return True
    schemes = {
        challenge.scheme
        for exchange in session.server.greetings.values()
        for challenge in parse_challenges(exchange.lines("www-authenticate"))
    }
    return "dpop" in schemes and "bearer" not in schemes
