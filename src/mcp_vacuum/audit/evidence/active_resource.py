"""Which tokens an MCP server takes: good ones, bad ones, none, and tokens in the wrong place."""

from __future__ import annotations

import json
import secrets
import time
from urllib.parse import urlsplit

from mcp_vacuum.audit.evidence.active_session import Session
from mcp_vacuum.audit.evidence.server import LEGACY, greeting
from mcp_vacuum.audit.forge import forgeries, made_up_token
from mcp_vacuum.safety.limits import NotADocument

SESSIONS = 10
GARBAGE = {
    "a random string": "",
    "nothing": "",
    "the word null": "null",
    "three dots": "...",
    "a token of an unknown issuer": "",
    "a very long string": "",
}
"""What is no token, by what it is; the empty ones are made for each audit."""
READ_ONLY = ("ping", "resources/list", "prompts/list")
SESSION_ID = "mcp-session-id"
_LIST = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).encode()


async def use(session: Session) -> None:
    """Use the first token: the control of every probe here, and what the answers look like."""
    await session.call("used", "initialize with the token", session.token("redeemed"))
    given = session.seen["used"].header(SESSION_ID)
    more = (("MCP-Protocol-Version", LEGACY), *(((SESSION_ID, given),) if given else ()))
    token, purpose = session.token("redeemed"), "tools/list with the token"
    await session.call("listed", purpose, token, more=more, body=_LIST)


async def offer_garbage(session: Session) -> None:
    """Offer what is no token."""
    made = {
        "a random string": secrets.token_urlsafe(32),
        "a token of an unknown issuer": made_up_token(time.time()),
        "a very long string": "a" * 30_000,
    }
    for what, text in GARBAGE.items():
        shown = (("Authorization", f"Bearer {made.get(what, text)}".strip()),)
        await session.call(f"garbage: {what}", f"a token that is {what}", None, more=shown)


async def offer_others(session: Session) -> None:
    """Offer what an authorization server gave for other uses, and the token in the wrong place."""
    token = session.token("redeemed") or ""
    for name, member in (("refresh token", "refresh_token"), ("id token", "id_token")):
        if found := session.token("redeemed", member):
            await session.call(f"as bearer: {name}", f"the {name} as access token", found)
    if code := session.visits["first"].one("code"):
        await session.call("as bearer: code", "the code as access token", code)
    joint = "&" if urlsplit(session.server.url).query else "?"
    url = f"{session.server.url}{joint}access_token={token}"
    await session.call("in the query", "the token in the query", None, url=url)


async def offer_forged(session: Session) -> None:
    """Offer the token with its signature taken off, changed, or made by somebody else."""
    keys = next((issuer.endpoints.keys for issuer in session.server.issuers if issuer.endpoints.keys), None)
    try:
        published = keys.document if keys else {}
    except NotADocument:
        published = {}
    made = forgeries(session.token("redeemed") or "", published)
    if not made:
        session.missing("NOT_APPLICABLE: the access token is no JWT", "forged", "resigned")
        return
    for name, token in made.items():
        await session.call(name, f"the token, {name.partition(': ')[2]}", token)


async def knock_everywhere(session: Session) -> None:
    """Try every method and spelling of the endpoint without a token."""
    parts = urlsplit(session.server.url)
    base = f"{parts.scheme}://{parts.netloc}"
    era = (("MCP-Protocol-Version", LEGACY),)
    for method in READ_ONLY:
        body = json.dumps({"jsonrpc": "2.0", "id": 2, "method": method}).encode()
        await session.call(f"no token: {method}", f"{method} without a token", None, more=era, body=body)
    for verb in ("GET", "DELETE"):
        await session.call(f"no token: {verb}", f"{verb} without a token", None, verb=verb)
    path = parts.path.rstrip("/")
    for what, other in (
        ("a trailing slash", f"{path}/"),
        ("a double slash", f"/{path}"),
        ("another case", path.upper()),
        ("/sse", "/sse"),
        ("/messages", "/messages"),
    ):
        if other not in ("", "/", "//", parts.path):
            verb = "GET" if what == "/sse" else "POST"
            await session.call(
                f"no token: {what}", f"{what} without a token", None, url=base + other, verb=verb
            )
    override = (("X-HTTP-Method-Override", "GET"),)
    await session.call(
        "no token: override", "another method in a header, without a token", None, more=override
    )
    await session.call("no token: batch", "a batch without a token", None, body=_batch())


def _batch() -> bytes:
    """Two messages at once, as MCP 2025-03-26 had them."""
    messages = [json.loads(greeting("initialize")[1]), {"jsonrpc": "2.0", "id": 2, "method": "ping"}]
    return json.dumps(messages).encode()


async def collect_sessions(session: Session) -> None:
    """Begin some sessions, and use one without a token."""
    first = session.seen["used"]
    if first.header(SESSION_ID) is None:
        session.missing("NOT_APPLICABLE: the server gives no session ids", "sessions")
        return
    for number in range(2, SESSIONS + 1):
        await session.call(f"session {number}", "begin another session", session.token("redeemed"))
    session.seen["sessions"] = first
    more = ((SESSION_ID, first.header(SESSION_ID) or ""), ("MCP-Protocol-Version", LEGACY))
    await session.call("session without token", "a session id without a token", None, more=more, body=_LIST)
    await session.call(
        "session with token", "the same with the token", session.token("redeemed"), more=more, body=_LIST
    )


async def offer_other_audience(session: Session) -> None:
    """Offer a token that was issued for another resource."""
    if token := session.token("other resource"):
        await session.call("other audience", "a token for another resource", token)


async def offer_unbound(session: Session) -> None:
    """Offer a bound token as a bearer token, without a proof, and with another key's."""
    token = session.token("redeemed") or ""
    if session.prover is None:
        session.missing("NOT_APPLICABLE: the tokens are bound to no key", "unbound")
        return
    prover = session.prover
    await session.call("unbound: bearer", "the bound token as a bearer token", token, scheme="Bearer")
    headers = (("Authorization", f"DPoP {token}"),)
    await session.call("unbound: no proof", "the bound token without a proof", None, more=headers)
    session.prover = type(prover).generate(("ES256",))
    session.prover.nonces.update(prover.nonces)
    try:
        await session.call("unbound: other key", "the bound token with another key's proof", token)
    finally:
        session.prover = prover
    await session.call(
        "unbound: other ath", "the token with another token's proof", None, more=_other(session, token)
    )


def _other(session: Session, token: str) -> tuple[tuple[str, str], ...]:
    assert session.prover is not None
    proof = session.prover.headers(
        "POST",
        session.server.url,
        iat=int(time.time()),
        jti=secrets.token_urlsafe(16),
        access_token=f"{token}x",
    )
    return (("Authorization", f"DPoP {token}"), ("DPoP", proof))
