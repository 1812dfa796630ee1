"""A client made of http.client and the RFCs alone: each step by hand."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from mcp_vacuum.lab import Lab, User

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
CALLBACK = "http://127.0.0.1:9/callback"  # nobody listens there: the visit ends at this URL


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.json["error"]


def send(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """One request on a connection of its own, no redirects followed."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request(
            method, parts.path + ("?" + parts.query if parts.query else ""), body, headers or {}
        )
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def get(url: str, **headers: str) -> Answer:
    return send("GET", url, headers=headers)


def post_form(url: str, form: dict[str, str], **headers: str) -> Answer:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return send("POST", url, urlencode(form).encode(), {**kind, **headers})


def post_json(url: str, document: object, **headers: str) -> Answer:
    return send("POST", url, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


@dataclass
class Plain:
    """A registered public client of one lab."""

    lab: Lab
    client_id: str = ""
    user: User = field(default_factory=User)

    def __post_init__(self) -> None:
        if not self.client_id:
            self.client_id = self.register().json["client_id"]

    def register(self, **metadata: object) -> Answer:
        asked = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", **metadata}
        return post_json(f"{self.lab.issuer}/register", asked)

    def authorization_url(self, **changes: str | None) -> str:
        params: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "state": "xyz",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            "resource": self.lab.resource,
            **changes,
        }
        return f"{self.lab.issuer}/authorize?" + urlencode({k: v for k, v in params.items() if v is not None})

    def authorize(self, **changes: str | None) -> dict[str, list[str]]:
        """The parameters of the redirect that the client gets."""
        return query(self.user.visit(self.authorization_url(**changes)))

    def code(self, **changes: str | None) -> str:
        return self.authorize(**changes)["code"][0]

    def exchange(self, code: str, **changes: str | None) -> Answer:
        return self._token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": VERIFIER,
                "redirect_uri": CALLBACK,
            },
            changes,
        )

    def refresh(self, token: str, **changes: str | None) -> Answer:
        return self._token({"grant_type": "refresh_token", "refresh_token": token}, changes)

    def login(self, **changes: str | None) -> dict[str, Any]:
        answer = self.exchange(self.code(**changes))
        assert answer.status == 200, answer.body
        tokens: dict[str, Any] = answer.json
        return tokens

    def call(self, token: str | None, method: str = "tools/list", **params: object) -> Answer:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return post_json(self.lab.mcp_url, message, **headers)

    def _token(self, form: dict[str, str], changes: dict[str, str | None]) -> Answer:
        merged = {"client_id": self.client_id, "resource": self.lab.resource, **form, **changes}
        return post_form(f"{self.lab.issuer}/token", {k: v for k, v in merged.items() if v is not None})
