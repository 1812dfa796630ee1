"""The token endpoint (OAuth 2.1 §3.2) and the revocation endpoint (RFC 7009)."""

from __future__ import annotations

import re
from dataclasses import replace

from mcp_vacuum.lab.clients import Client
from mcp_vacuum.lab.device import GRANT as DEVICE_CODE
from mcp_vacuum.lab.device import Devices
from mcp_vacuum.lab.faults import Faults, overridden
from mcp_vacuum.lab.grants import Issued
from mcp_vacuum.lab.machines import Machines
from mcp_vacuum.lab.messages import (
    Refusal,
    Request,
    Response,
    json_response,
    only,
    refused,
    required,
    text_response,
)
from mcp_vacuum.lab.world import World, stray_page

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class TokenEndpoint:
    """/token and /revoke."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._machines = Machines(world)
        self._devices = Devices(world)

    @property
    def devices(self) -> Devices:
        """Where device logins begin."""
        return self._devices

    def token(self, request: Request) -> Response:
        """POST /token, with the faults that are on when it arrives."""
        faults = self._world.faults.take_for_token_request()
        self._world.pause(faults.token_delay)
        return _before(faults) or _after(faults, self._processed(request, faults))

    def revoke(self, request: Request) -> Response:
        """POST /revoke: 200 also for a token nobody knows (RFC 7009 §2.2)."""
        faults = self._world.faults
        if faults.revoke_status is not None:
            return text_response(faults.revoke_status)
        try:
            client = self._world.clients.authenticate(request)
            self._world.grants.revoke(required(request.form, "token"), client.client_id)
        except Refusal as refusal:
            return _oauth_error(request, refusal, faults)
        return Response(200)

    def _processed(self, request: Request, faults: Faults) -> Response:
        nonce = self._world.token_proofs.headers
        try:
            client = self._world.clients.authenticate(request)
            issued = self._granted(request, client, faults)
        except Refusal as refusal:
            response = _oauth_error(request, refusal, faults)
            return replace(response, headers=(*response.headers, *nonce))
        return json_response(self._document(issued, faults), headers=nonce)

    def _granted(self, request: Request, client: Client, faults: Faults) -> Issued:
        grant_type = required(request.form, "grant_type")
        jkt = self._jkt(request)
        if grant_type == "authorization_code":
            return self._from_code(request, client, faults, jkt)
        if grant_type == "refresh_token":
            return self._from_refresh_token(request, client, faults, jkt)
        if grant_type == "password" and faults.knows_password_grant:
            raise Refusal("invalid_grant", "wrong password")
        if grant_type not in self._world.config.grants:
            raise Refusal("unsupported_grant_type", "this server has no such grant")
        if grant_type == DEVICE_CODE:
            approval = self._devices.redeem(request, client.client_id)
            refreshable = self._world.config.issue_refresh_token and not faults.no_refresh_token
            return self._world.grants.issue(approval, refreshable=refreshable, jkt=jkt)
        approval = self._machines.approval(grant_type, request, client)
        return self._world.grants.issue(approval, refreshable=False, jkt=jkt)

    def _jkt(self, request: Request) -> str | None:
        if not self._world.config.dpop:
            return None
        return self._world.token_proofs.thumbprint(request, f"{self._world.issuer}/token")

    def _from_code(self, request: Request, client: Client, faults: Faults, jkt: str | None) -> Issued:
        code, verifier = required(request.form, "code"), only(request.form, "code_verifier") or ""
        self._check_verifier(verifier)
        return self._redeemed(request, client, faults, jkt, code, verifier)

    def _check_verifier(self, verifier: str) -> None:
        """RFC 7636 §4.1."""
        faults = self._world.faults
        if faults.ignores_verifier or (not verifier and faults.needs_no_challenge):
            return
        if not _VERIFIER.fullmatch(verifier) and not (verifier and faults.takes_short_verifier):
            raise Refusal("invalid_request", "code_verifier is not 43 to 128 unreserved characters")

    def _redeemed(
        self, request: Request, client: Client, faults: Faults, jkt: str | None, code: str, verifier: str
    ) -> Issued:
        return self._world.grants.redeem(
            code,
            client.client_id,
            verifier,
            redirect_uri=only(request.form, "redirect_uri"),
            resource=self._world.wanted_resource(request.form),
            refreshable=self._world.config.issue_refresh_token and not faults.no_refresh_token,
            jkt=jkt,
        )

    def _from_refresh_token(
        self, request: Request, client: Client, faults: Faults, jkt: str | None
    ) -> Issued:
        return self._world.grants.refresh(
            required(request.form, "refresh_token"),
            client.client_id,
            scopes=tuple((only(request.form, "scope") or "").split()),
            resource=self._world.wanted_resource(request.form),
            keep=faults.omit_rotated_refresh_token,
            jkt=jkt,
        )

    def _document(self, issued: Issued, faults: Faults) -> dict[str, object]:
        document: dict[str, object] = {
            "access_token": issued.access_token,
            "token_type": faults.token_type or ("DPoP" if issued.bound else "Bearer"),
            "expires_in": self._world.grants.seconds_left(issued),
            "scope": " ".join(issued.scopes),
        }
        if issued.refresh_token:
            document["refresh_token"] = issued.refresh_token
        if faults.expires_in is not None:
            document = overridden(document, {"expires_in": faults.expires_in})
        return overridden(document, faults.token_override)


def _before(faults: Faults) -> Response | None:
    """The answer of a fault that leaves the request unprocessed."""
    if faults.token_reset_before:
        return Response(0, delivery="reset")
    if faults.token_status is not None:
        wait = () if faults.retry_after is None else (("Retry-After", str(faults.retry_after)),)
        return text_response(faults.token_status, headers=wait)
    if faults.token_html:
        return stray_page()
    if faults.token_error:
        refusal = Refusal(faults.token_error, "a fault of the lab", faults.token_error_status)
        return refused(refusal, faults.hostile_text)
    return None


def _after(faults: Faults, response: Response) -> Response:
    """What the network leaves of an answer to a processed request."""
    if faults.token_reset_after:
        return replace(response, delivery="reset")
    if faults.token_half_body:
        return replace(response, delivery="half")
    delivery = "twice" if faults.token_twice else response.delivery
    return replace(response, delivery=delivery, length_off=faults.token_content_length)


def _oauth_error(request: Request, refusal: Refusal, faults: Faults) -> Response:
    basic = refusal.status == 401 and "authorization" in request.headers
    return refused(refusal, faults.hostile_text, (("WWW-Authenticate", "Basic"),) if basic else ())
