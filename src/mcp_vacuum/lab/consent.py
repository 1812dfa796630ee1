"""The authorization endpoint: checks, a consent page, and the way back (OAuth 2.1 §4.1)."""

from __future__ import annotations

import re
import secrets
import threading
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlencode, urlsplit

from mcp_vacuum.lab.clients import LOOPBACK, Client
from mcp_vacuum.lab.grants import Approval, s256
from mcp_vacuum.lab.messages import (
    Params,
    Refusal,
    Request,
    Response,
    html_response,
    only,
    redirect,
    required,
)
from mcp_vacuum.lab.pushed import Pushed
from mcp_vacuum.lab.world import World

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_ASKED = frozenset(
    {
        *("response_type", "client_id", "redirect_uri", "state", "scope", "resource", "prompt"),
        *("code_challenge", "code_challenge_method", "dpop_jkt", "nonce"),
    }
)
"""Parameters that are understood here."""
_COOKIE = "lab_session"
_PAGE = """<!doctype html><meta charset="utf-8"><title>The lab asks</title>
<h1>Let {client} in?</h1>
<p>It wants <b>{scopes}</b> at <code>{resource}</code>.</p>
<form id="lab-consent" method="post" action="{action}">
<input type="hidden" name="ticket" value="{ticket}">
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>
</form>
"""


@dataclass(frozen=True, slots=True)
class _WayBack:
    redirect_uri: str
    state: str | None
    more: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A question that a person has not answered yet."""

    way_back: _WayBack
    approval: Approval
    challenge: str
    session: str
    pushed: str | None = None


class Consent:
    """/authorize and the form on its page.

    A ticket is good for one answer, from the browser that was asked.
    """

    def __init__(self, world: World, pushed: Pushed) -> None:
        self._world, self._pushed = world, pushed
        self._lock = threading.Lock()  # guards _pending
        self._pending: dict[str, _Pending] = {}

    def ask(self, request: Request) -> Response:
        """GET /authorize: the consent page, or straight back with an error.

        An unknown client or redirect URI gets a page and no redirect (OAuth 2.1 §4.1.2.1).
        """
        query = _last_of_each(request.query) if self._world.faults.takes_doubled_parameters else request.query
        try:
            named = only(query, "request_uri")
            query = self._pushed.meant(query)
            client, way_back = self._trusted_way_back(query)
        except Refusal as refusal:
            if self._world.faults.redirects_errors_anywhere and (uri := _first(query, "redirect_uri")):
                return self._back(_WayBack(uri, None), {"error": refusal.error})
            return html_response(f"<!doctype html><p>{escape(refusal.error)}: {escape(str(refusal))}", 400)
        try:
            return self._question(query, client, way_back, named)
        except Refusal as refusal:
            return self._refused(way_back, refusal)

    def _refused(self, way_back: _WayBack, refusal: Refusal) -> Response:
        """Tell the client; but nobody is sent unasked to hosts that anybody registers (RFC 9700 §4.11.2)."""
        if not self._world.faults.forwards_errors and not _is_local(way_back.redirect_uri):
            return html_response(f"<!doctype html><p>{escape(refusal.error)}: {escape(str(refusal))}", 400)
        return self._back(way_back, {"error": refusal.error, "error_description": refusal.description})

    def answer(self, request: Request) -> Response:
        """POST of the form: back to the client with a code or `access_denied`."""
        with self._lock:
            pending = self._pending.pop(_first(request.form, "ticket"), None)
        if pending is None or f"{_COOKIE}={pending.session}" not in request.headers.get("cookie", ""):
            return html_response("<!doctype html><p>This form was used before, or is not yours.", 400)
        if _first(request.form, "decision") != "allow":
            self._pushed.use_up(pending.pushed)
            denied = {"error": "access_denied", "error_description": "the person said no"}
            return self._back(pending.way_back, denied)
        return self._granted(pending)

    def _trusted_way_back(self, query: Params) -> tuple[Client, _WayBack]:
        client = self._world.clients.find(required(query, "client_id"))
        if client is None:
            raise Refusal("invalid_client", "no such client")
        uri = required(query, "redirect_uri")
        if not self._world.clients.may_redirect(client, uri):
            raise Refusal("invalid_request", "this redirect_uri is not registered")
        more = (
            {name: query[name] for name in query if name not in _ASKED}
            if self._world.faults.echoes_parameters
            else {}
        )
        return client, _WayBack(uri, only(query, "state"), more)

    def _question(self, query: Params, client: Client, way_back: _WayBack, named: str | None) -> Response:
        if self._world.faults.authorize_error:
            raise Refusal(self._world.faults.authorize_error, "a fault of the lab")
        if required(query, "response_type") != "code" and not self._world.faults.takes_any_response_type:
            raise Refusal("unsupported_response_type", "only code")
        challenge = self._challenge(query)
        resource = self._world.wanted_resource(query) or self._world.resource
        approval = Approval(client.client_id, self._world.config.subject, self._scopes(query), resource)
        if only(query, "prompt") == "none" and not self._world.faults.approves_silently:
            raise Refusal("consent_required", "a person is asked each time")
        pending = _Pending(way_back, approval, challenge, secrets.token_urlsafe(16), named)
        if only(query, "prompt") == "none" and self._world.grants.issued()[0]:
            return self._granted(pending)  # somebody has logged in before
        if only(query, "prompt") == "none":
            raise Refusal("login_required", "nobody has logged in")
        return self._page(client, pending)

    def _granted(self, pending: _Pending) -> Response:
        self._pushed.use_up(pending.pushed)
        way_back = pending.way_back
        code = self._world.grants.issue_code(pending.approval, way_back.redirect_uri, pending.challenge)
        return self._back(way_back, {"code": code})

    def _challenge(self, query: Params) -> str:
        """The S256 challenge, the verifier itself where plain is taken, nothing where none is needed."""
        faults = self._world.faults
        if faults.needs_no_challenge and only(query, "code_challenge") is None:
            return ""
        if faults.takes_plain and only(query, "code_challenge_method") in (None, "plain"):
            return s256(required(query, "code_challenge"))
        return _s256_challenge(query)

    def _scopes(self, query: Params) -> tuple[str, ...]:
        asked = (only(query, "scope") or " ".join(self._world.config.scopes_supported)).split()
        granted = tuple(dict.fromkeys(scope for scope in asked if scope in self._world.scopes_known()))
        if asked and not granted:
            raise Refusal("invalid_scope", "none of these scopes is known here")
        return granted

    def _page(self, client: Client, pending: _Pending) -> Response:
        ticket = secrets.token_urlsafe(16)
        with self._lock:
            self._pending[ticket] = pending
        page = _PAGE.format(
            client=escape(client.name or client.client_id),
            scopes=escape(" ".join(pending.approval.scopes)),
            resource=escape(pending.approval.resource),
            action=escape(f"{self._world.config.issuer_path}/consent"),
            ticket=ticket,
        )
        cookie = f"{_COOKIE}={pending.session}; Path=/; HttpOnly; SameSite=Lax"
        return html_response(page, headers=(("Set-Cookie", cookie),))

    def _back(self, way_back: _WayBack, answer: dict[str, str]) -> Response:
        """Redirect to the client, with the faults that are on."""
        faults = self._world.faults
        params: dict[str, tuple[str, ...]] = {name: (value,) for name, value in answer.items()}
        if faults.hostile_text and "error" in params:
            params["error_description"] = (faults.hostile_text,)
        if way_back.state is not None:
            params["state"] = ("not-the-state-that-was-sent",) if faults.wrong_state else (way_back.state,)
        if issuer := self._iss():
            params["iss"] = (issuer,)
        if faults.duplicate_code and "code" in params:
            params["code"] = (*params["code"], "code-of-somebody-else")
        params |= faults.callback_override
        for name, values in way_back.more.items():
            params[name] = (*params.get(name, ()), *values)
        joint = "&" if "?" in way_back.redirect_uri else "?"
        status = faults.consent_status or 303
        return redirect(way_back.redirect_uri + joint + urlencode(params, doseq=True), status)

    def _iss(self) -> str | None:
        faults = self._world.faults
        if faults.wrong_iss:
            return "https://attacker.example" if faults.wrong_iss is True else faults.wrong_iss
        wanted = self._world.config.iss_parameter and not faults.missing_iss
        return self._world.issuer if wanted else None


def _s256_challenge(query: Params) -> str:
    challenge = required(query, "code_challenge")
    if only(query, "code_challenge_method") != "S256":
        raise Refusal("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise Refusal("invalid_request", "code_challenge is not an S256 challenge")
    return challenge


def _is_local(uri: str) -> bool:
    """Whether a redirect ends on the person's own machine: loopback, or an app of theirs."""
    parts = urlsplit(uri)
    return parts.scheme != "https" or parts.hostname in LOOPBACK


def _last_of_each(params: Params) -> Params:
    return {name: values[-1:] for name, values in params.items()}


def _first(params: Params, name: str) -> str:
    return params.get(name, ("",))[0]
