"""Known deviations of real servers, by name. None weakens state, `iss` or the redirect URI."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_vacuum.errors import UsageError


@dataclass(frozen=True, slots=True)
class Quirk:
    """One tolerated deviation.

    Attributes:
        name: What `--quirk` takes and the record keeps.
        why: The reason, in a sentence.
        link: Where it was reported.
    """

    name: str
    why: str
    link: str


NO_RESOURCE = Quirk(
    "no-resource",
    "Entra ID refuses the resource parameter (AADSTS9010010)",
    "https://github.com/modelcontextprotocol/modelcontextprotocol/issues/1614",
)
PKCE_UNADVERTISED = Quirk(
    "pkce-unadvertised",
    "the server does not advertise S256; the challenge is sent all the same",
    "https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization",
)
QUIRKS = {quirk.name: quirk for quirk in (NO_RESOURCE, PKCE_UNADVERTISED)}


def check_quirks(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return `names` if each is known.

    Raises:
        UsageError: One is not; the hint lists those that are.
    """
    unknown = [name for name in names if name not in QUIRKS]
    if unknown:
        known = ", ".join(f"{quirk.name} ({quirk.why})" for quirk in QUIRKS.values())
        raise UsageError(f"unknown quirk {unknown[0]!r}", hint=f"known: {known}")
    return names
