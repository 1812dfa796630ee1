"""What a server of the tests remembers, and the /test/ routes that tell it.

`Recorder` stands in front of a server's own ASGI application: it writes down
every token and revocation request with its outcome and leaves the answer as it
is. Routes (loopback, tests only; `oidc-provider.mjs` has the same three):

    GET  /test/log       {"token_requests": [...], "revocations": [...], "reuses": n, "grace_uses": n}
    GET  /test/secrets   [{"kind": "access_token", "value": "..."}, ...]: what must be in no file
    GET  /test/settings  the settings; POST changes them: token_lifetime, grace, answer_delay (seconds)
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECRETS_IN_REQUEST = ("code", "code_verifier", "refresh_token")
SECRETS_IN_ANSWER = ("access_token", "refresh_token")


def fingerprint(secret: str | None) -> str | None:
    """Name a secret without telling it: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16] if secret else None


@dataclass
class Settings:
    """Seconds, all of them; changed by tests while the server runs."""

    token_lifetime: float = 300
    grace: float = 0
    """How long a rotated refresh token may be used again (0: not at all)."""
    answer_delay: float = 0
    """How long the answer of a token request is held back after the work is done."""


@dataclass
class Ledger:
    """The memory of one server; the front desk writes in it, the provider counts in it."""

    settings: Settings = field(default_factory=Settings)
    token_requests: list[dict[str, Any]] = field(default_factory=list)
    revocations: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[dict[str, str]] = field(default_factory=list)
    reuses: int = 0
    grace_uses: int = 0

    def note_token_request(
        self, asked: Mapping[str, str], at: float, status: int, answer: Mapping[str, Any]
    ) -> None:
        self._keep_secrets(asked, SECRETS_IN_REQUEST)
        self._keep_secrets(answer, SECRETS_IN_ANSWER)
        self.token_requests.append(
            {
                "grant_type": asked.get("grant_type"),
                "client_id": asked.get("client_id"),
                "resource": asked.get("resource"),
                "refresh_token": fingerprint(asked.get("refresh_token")),
                "issued_refresh_token": fingerprint(answer.get("refresh_token")),
                "at": at,
                "status": status,
                "outcome": answer.get("error", "ok" if status == 200 else "failed"),
            }
        )

    def note_revocation(self, asked: Mapping[str, str], at: float, status: int) -> None:
        self.revocations.append({"token": fingerprint(asked.get("token")), "at": at, "status": status})

    def log(self) -> dict[str, Any]:
        names = ("token_requests", "revocations", "reuses", "grace_uses")
        return {name: getattr(self, name) for name in names}

    def change_settings(self, changes: Mapping[str, float]) -> None:
        self.settings = Settings(**{**asdict(self.settings), **changes})

    def _keep_secrets(self, form: Mapping[str, Any], names: tuple[str, ...]) -> None:
        self.secrets.extend({"kind": name, "value": form[name]} for name in names if form.get(name))


class Recorder:
    """An ASGI application in front of another: records /token and /revoke, answers /test/."""

    def __init__(self, app: ASGIApp, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith("/test/"):
            response = await self._answer_test(Request(scope, receive))
            await response(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "POST" and path in ("/token", "/revoke"):
            await self._record(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer_test(self, request: Request) -> Response:
        match request.url.path:
            case "/test/log":
                return JSONResponse(self._ledger.log())
            case "/test/secrets":
                return JSONResponse(self._ledger.secrets)
            case "/test/settings":
                if request.method == "POST":
                    self._ledger.change_settings(await request.json())
                return JSONResponse(asdict(self._ledger.settings))
        return Response(status_code=404)

    async def _record(self, scope: Scope, receive: Receive, send: Send) -> None:
        at = time.time()
        body = await Request(scope, receive).body()
        asked = dict(parse_qsl(body.decode()))
        messages = await self._ask_the_app(scope, body)
        status, answer = _read_answer(messages)
        if scope["path"] == "/revoke":
            self._ledger.note_revocation(asked, at, status)
        else:
            self._ledger.note_token_request(asked, at, status, answer)
            await asyncio.sleep(self._ledger.settings.answer_delay)
        for message in messages:
            await send(message)

    async def _ask_the_app(self, scope: Scope, body: bytes) -> list[Message]:
        messages: list[Message] = []

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(scope, replay, collect)
        return messages


def _read_answer(messages: list[Message]) -> tuple[int, dict[str, Any]]:
    """The status of a collected answer, and its JSON object where it has one."""
    status = next(message["status"] for message in messages if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in messages)
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    return status, document if isinstance(document, dict) else {}
