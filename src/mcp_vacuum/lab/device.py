"""The device authorization grant (RFC 8628): a code, a page to enter it, and polls at their pace."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from html import escape

from mcp_vacuum.lab.grants import Approval
from mcp_vacuum.lab.messages import (
    Refusal,
    Request,
    Response,
    html_response,
    json_response,
    only,
    refused,
    required,
)
from mcp_vacuum.lab.world import World

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
LIFETIME = 120
"""Seconds that a code is good for."""
SLOWER = 5
"""Seconds that a `slow_down` adds to the interval (§3.5)."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # §6.1: no vowels, so no words
_PAGE = """<!doctype html><meta charset="utf-8"><title>The lab asks</title>
<h1>Does your device show {code}?</h1>
<form id="lab-consent" method="post" action="{action}">
<input type="hidden" name="user_code" value="{code}">
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>
</form>
"""


@dataclass(slots=True)
class _Device:
    approval: Approval
    user_code: str
    expires_at: float
    interval: float
    polled_at: float = 0.0
    decision: str = ""


class Devices:
    """/device_authorization, the page at /device, and what a poll gets."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()  # guards _waiting
        self._waiting: dict[str, _Device] = {}

    def begin(self, request: Request) -> Response:
        """POST /device_authorization: a device code and a user code (§3.2)."""
        try:
            approval = self._world.approval(request, self._world.clients.authenticate(request))
        except Refusal as refusal:
            return refused(refusal, self._world.faults.hostile_text)
        code = f"{_word()}-{_word()}"
        interval = self._world.config.device_interval
        device_code = "dc-" + secrets.token_urlsafe(24)
        with self._lock:
            self._waiting[device_code] = _Device(approval, code, time.time() + LIFETIME, interval)
        page = f"{self._world.issuer}/device"
        return json_response(
            {
                "device_code": device_code,
                "user_code": code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?user_code={code}",
                "expires_in": LIFETIME,
                "interval": interval,
            }
        )

    def page(self, request: Request) -> Response:
        """GET /device?user_code=…: the question."""
        device = self._by_user_code(only(request.query, "user_code"))
        if device is None:
            return html_response("<!doctype html><p>No device shows that code.", 400)
        action = f"{self._world.config.issuer_path}/device"
        return html_response(_PAGE.format(code=escape(device.user_code), action=escape(action)))

    def answer(self, request: Request) -> Response:
        """POST of the form."""
        device = self._by_user_code(only(request.form, "user_code"))
        if device is None:
            return html_response("<!doctype html><p>No device shows that code.", 400)
        device.decision = only(request.form, "decision") or "deny"
        return html_response("<!doctype html><p>Look at your device.")

    def redeem(self, request: Request, client_id: str) -> Approval:
        """What a person said yes to; a code is good once.

        Raises:
            Refusal: authorization_pending, slow_down, access_denied, expired_token or invalid_grant.
        """
        code, now = required(request.form, "device_code"), time.time()
        with self._lock:
            device = self._waiting.get(code)
            if device is None or device.approval.client_id != client_id:
                raise Refusal("invalid_grant", "the device code is unknown, or another client's")
            soon = now - device.polled_at < device.interval * 0.9
            device.polled_at = now
            if soon and not self._world.faults.polls_freely:
                device.interval += SLOWER
                raise Refusal("slow_down", "polled too fast")
            if now > device.expires_at:
                raise Refusal("expired_token", "nobody came")
            if not device.decision:
                raise Refusal("authorization_pending", "nobody has answered yet")
            del self._waiting[code]
        if device.decision != "allow":
            raise Refusal("access_denied", "the person said no")
        return device.approval

    def _by_user_code(self, code: str | None) -> _Device | None:
        with self._lock:
            return next((device for device in self._waiting.values() if device.user_code == code), None)


def _word() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(4))
