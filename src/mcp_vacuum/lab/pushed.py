"""Pushed authorization requests (RFC 9126): the request goes to the server first, its name to the browser."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from mcp_vacuum.lab.clients import Client
from mcp_vacuum.lab.messages import Params, Refusal, Request, Response, json_response, only, refused, required
from mcp_vacuum.lab.world import World

PREFIX = "urn:ietf:params:oauth:request_uri:"
_OF_THE_CLIENT = frozenset({"client_secret", "client_assertion", "client_assertion_type"})
"""Parameters that say who pushes, not what is asked (§2.1)."""


@dataclass(slots=True)
class _Request:
    client_id: str
    params: Params
    expires_at: float
    used: bool = False


class Pushed:
    """/par, and what the authorization endpoint finds under a `request_uri`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()  # guards _kept
        self._kept: dict[str, _Request] = {}

    def push(self, request: Request) -> Response:
        """POST /par: 201 and a name that stands for the request (§2.2)."""
        try:
            kept = self._read(request)
        except Refusal as refusal:
            return refused(refusal, self._world.faults.hostile_text)
        name = PREFIX + secrets.token_urlsafe(24)
        with self._lock:
            if self._world.faults.counts_pushed:
                name = f"{PREFIX}{1000 + len(self._kept)}"
            self._kept[name] = kept
        lifetime = round(self._world.config.par_lifetime)
        return json_response({"request_uri": name, "expires_in": lifetime}, 201)

    def meant(self, query: Params) -> Params:
        """The parameters that an authorization request stands for: the pushed ones and no others (§4).

        Raises:
            Refusal: The name is unknown, another client's, expired or used up.
        """
        name = only(query, "request_uri")
        if name is None:
            return query
        asking, faults = required(query, "client_id"), self._world.faults
        with self._lock:
            pushed = self._good(name)
        if asking != pushed.client_id and not faults.pushed_for_any_client:
            raise Refusal("invalid_request_uri", "another client pushed it")
        beside = {each: values for each, values in query.items() if each != "request_uri"}
        merged = {**pushed.params, **beside} if faults.query_overrides_pushed else pushed.params
        return {**merged, "client_id": (asking,)}

    def use_up(self, name: str | None) -> None:
        """Once a person has answered, the name stands for nothing any more (§7.3)."""
        with self._lock:
            if name is not None:
                self._kept[name].used = True

    def _read(self, request: Request) -> _Request:
        client = self._pusher(request)
        if only(request.form, "request_uri"):
            raise Refusal("invalid_request", "a pushed request names no other one (§2.1)")
        if not self._world.clients.may_redirect(client, required(request.form, "redirect_uri")):
            raise Refusal("invalid_request", "this redirect_uri is not registered")
        asked = {name: values for name, values in request.form.items() if name not in _OF_THE_CLIENT}
        return _Request(client.client_id, asked, self._world.clock() + self._world.config.par_lifetime)

    def _pusher(self, request: Request) -> Client:
        if not self._world.faults.anybody_pushes:
            return self._world.clients.authenticate(request)
        client = self._world.clients.find(required(request.form, "client_id"))
        if client is None:
            raise Refusal("invalid_client", "no such client", 401)
        return client

    def _good(self, name: str) -> _Request:
        pushed, faults = self._kept.get(name), self._world.faults
        if pushed is None or (pushed.used and not faults.pushed_reusable):
            raise Refusal("invalid_request_uri", "it is unknown, or was used before")
        if pushed.expires_at < self._world.clock() and not faults.pushed_lasts:
            raise Refusal("invalid_request_uri", "it has expired")
        return pushed
