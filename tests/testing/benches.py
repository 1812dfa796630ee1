"""Benches for `TokenSourceContract`: logins to the laboratory, of each kind that there is."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

from mcp_vacuum.lab import Lab
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.tokens.source import Headers, LoginTokens, TokenSource
from tests.helpers import refreshes

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@dataclass
class LabBench:
    """A source over a login to the laboratory."""

    lab: Lab
    tokens: LoginTokens

    @property
    def source(self) -> TokenSource:
        return self.tokens

    @property
    def url(self) -> str:
        return self.lab.mcp_url

    @property
    def foreign(self) -> tuple[str, ...]:
        return ("https://evil.example/mcp", f"{self.url}-not", f"{self.url}/../admin", self.lab.issuer)

    def works(self, headers: Headers) -> bool:
        accept = {"Accept": "application/json, text/event-stream"}
        answer = httpx2.post(self.url, json=PING, headers={**accept, **headers})
        return answer.status_code == 200

    def forget(self) -> None:
        ACCESS_TOKENS.forget(self.tokens.place)

    def refreshes(self) -> int:
        return len(refreshes(self.lab))

    def end(self) -> None:
        self.lab.revoke_everything()
