"""Which hosts one login may talk to: decided here, enforced where the connection is made."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_vacuum.errors import SecurityRefused
from mcp_vacuum.safety.address import Reach, is_localhost, permitted, reach_of, reach_of_address

_SPEC = "MCP security best practices, Server-Side Request Forgery"


@dataclass(slots=True)
class NetworkPolicy:
    """The reach of the server that a login is for, and what it may therefore point to.

    Attributes:
        own_host: The host that the person chose; its first connection sets `reach`, by the most public of
            its answers, so that a name with mixed answers is refused.
        reach: Known from the record of an earlier login, or learned; None until then.
        allow_private: The person allowed private addresses (``--allow-private-network``).
    """

    own_host: str
    reach: Reach | None = None
    allow_private: bool = False

    def admit(self, host: str, addresses: list[str]) -> None:
        """Let a connection to `addresses`, all answers of `host`, pass.

        Raises:
            SecurityRefused: One of them is less public than the server may point to.
        """
        target = reach_of(host, addresses)
        if is_localhost(host) and any(reach_of_address(address) is not target for address in addresses):
            raise SecurityRefused(f"{host} does not resolve to loopback", spec=_SPEC)
        if self.reach is None and host == self.own_host and target is not Reach.FORBIDDEN:
            self.reach = min((reach_of(host, [address]) for address in addresses), default=target)
        if not permitted(target, self.reach or Reach.PUBLIC, allow_private=self.allow_private):
            raise SecurityRefused(self._why(host, target), spec=_SPEC, hint=self._hint(target))

    def _why(self, host: str, target: Reach) -> str:
        if target is Reach.FORBIDDEN:
            return f"{host} is a reserved or cloud metadata address, which is never contacted"
        own = (self.reach or Reach.PUBLIC).word
        return f"{self.own_host}, a {own} server, points to {host}, a {target.word} address"

    def _hint(self, target: Reach) -> str | None:
        return "if you trust it: add --allow-private-network" if target is Reach.PRIVATE else None
