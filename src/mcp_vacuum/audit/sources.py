"""Where a rule, and the texts that it cites, can be read."""

from __future__ import annotations

import re

from mcp_vacuum.protocol.registration import CLIENT_URI

PAGES = f"{CLIENT_URI}/blob/HEAD/docs/audits"
"""The pages that `docs/generate_audits.py` writes, one a rule."""

_SITE = "https://modelcontextprotocol.io/specification"
_SPECIFICATION = f"{_SITE}/2026-07-28"
_MCP = f"{_SPECIFICATION}/basic"
_CIMD = "https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document"
_DRAFTS = "https://datatracker.ietf.org/doc/html"
_OPENID = "https://openid.net/specs"

_SECTIONED = {
    "OAuth 2.1": f"{_DRAFTS}/draft-ietf-oauth-v2-1-13",
    "Client ID Metadata Document draft 00": f"{_CIMD}-00",
    "Client ID Metadata Document draft 01": f"{_CIMD}-01",
}
"""Texts whose sections have anchors of the form ``#section-4.1``, as RFCs have."""

_HEADED = {
    "MCP 2025-11-25 SBP": f"{_SITE}/2025-11-25/basic/security_best_practices",
    "MCP 2025-11-25 transports": f"{_SITE}/2025-11-25/basic/transports",
    "MCP basic/index": _MCP,
    "MCP authorization security considerations": f"{_MCP}/authorization/security-considerations",
    "MCP authorization server discovery": f"{_MCP}/authorization/authorization-server-discovery",
    "MCP client registration": f"{_MCP}/authorization/client-registration",
    "MCP authorization": f"{_MCP}/authorization",
    "MCP streamable HTTP": f"{_MCP}/transports/streamable-http",
    "MCP elicitation": f"{_SPECIFICATION}/client/elicitation",
    "MCP caching": f"{_SPECIFICATION}/server/utilities/caching",
}
"""Pages whose headings have anchors."""

_WHOLE = {
    "MCP security best practices": (
        "https://modelcontextprotocol.io/docs/tutorials/security/security_best_practices"
    ),
    "MCP authorization 2025-03-26": f"{_SITE}/2025-03-26/basic/authorization",
    "SEP-1024": "https://github.com/modelcontextprotocol/modelcontextprotocol/issues/1024",
    "MCP conformance suite": "https://github.com/modelcontextprotocol/conformance",
    "MCP DPoP extension": "https://github.com/modelcontextprotocol/ext-auth",
    "MCP client credentials extension": "https://github.com/modelcontextprotocol/ext-auth",
    "MCP enterprise-managed authorization": "https://github.com/modelcontextprotocol/ext-auth",
    "MCP workload identity federation": "https://github.com/modelcontextprotocol/ext-auth",
    "FAPI 2.0 Security Profile": f"{_OPENID}/fapi-security-profile-2_0-final.html",
    "OpenID Connect Core": f"{_OPENID}/openid-connect-core-1_0.html",
    "OpenID Connect Discovery": f"{_OPENID}/openid-connect-discovery-1_0.html",
    "OpenID Connect Registration": f"{_OPENID}/openid-connect-registration-1_0.html",
    "ID-JAG draft": f"{_DRAFTS}/draft-ietf-oauth-identity-assertion-authz-grant",
    "rfc7523bis": f"{_DRAFTS}/draft-ietf-oauth-rfc7523bis",
    "draft-mcguinness-oauth-rfc9728bis-01": f"{_DRAFTS}/draft-mcguinness-oauth-rfc9728bis-01",
    "OAuch": "https://github.com/DistriNet/OAuch",
}


def page(rule: str) -> str:
    """Return the URL of the page about a rule."""
    return f"{PAGES}/{rule}.md"


def link(source: str) -> str | None:
    """Return the URL of a cited text, at the first section that is cited; None if none is known."""
    if found := re.match(r"RFC (\d+)", source):
        return f"https://www.rfc-editor.org/rfc/rfc{found[1]}{_section(source)}"
    if found := re.match(r"CVE-\d{4}-\d+", source):
        return f"https://www.cve.org/CVERecord?id={found[0]}"
    if name := _named(source, _SECTIONED):
        return _SECTIONED[name] + _section(source)
    if name := _named(source, _HEADED):
        return _HEADED[name] + _heading(source[len(name) :])
    name = _named(source, _WHOLE)
    return _WHOLE[name] if name else None


def _named(source: str, texts: dict[str, str]) -> str | None:
    """Return the text that a citation begins with; with a date after its name it is another text."""
    for name in texts:
        rest = source.removeprefix(name)
        if rest != source and not re.match(r" \d|\w", rest):
            return name
    return None


def _section(source: str) -> str:
    found = re.search(r"§(\d+(?:\.\d+)*)", source)
    return f"#section-{found[1]}" if found else ""


def _heading(rest: str) -> str:
    words = re.sub(r"\(.*", "", rest.removeprefix(",")).strip().lower()
    return f"#{'-'.join(re.findall(r'[a-z0-9]+', words))}" if re.fullmatch(r"[a-z0-9 -]+", words) else ""
