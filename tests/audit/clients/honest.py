"""A small honest MCP client, the standard library only: `python honest.py URL`.

Every decision is a method of its own, so that a client with one flaw (`bad.py`) replaces one method.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, quote_plus, urlencode, urlsplit, urlunsplit

LIMIT = 1 << 20
SECONDS = 2.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")
PATH = "/callback"
Json = dict[str, Any]
Query = dict[str, list[str]]


class Stop(Exception):
    """The client refuses to go on."""


class Reply:
    """An answer, read within limits."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.body = status, body
        self.headers = [(name.lower(), value) for name, value in headers]

    def lines(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def json(self) -> Json:
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Stop("no JSON") from error
        if not isinstance(document, dict):
            raise Stop("no JSON object")
        return document


class Honest:
    """Logs in, and calls a tool."""

    limit = LIMIT
    bind_host = "127.0.0.1"
    redirect_host = "127.0.0.1"
    methods = ("GET",)
    patience = 8.0
    scopes_asked: str | None = None

    def __init__(self, url: str) -> None:
        self.url = url
        self.kept = Path(os.environ.get("HOME", ".")) / self.file_name(url)
        self.store = self.stored()
        self.token: Json = {}
        self.logins = 0
        self.method = "none"
        self.named = ""
        self.issuer_named = ""

    def file_name(self, url: str) -> str:
        """A file for each server."""
        return f"client-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"

    def stored(self) -> Json:
        return json.loads(self.kept.read_text()) if self.kept.exists() else {}

    # --- sending ---------------------------------------------------------------------------------------

    def send(self, method: str, url: str, headers: Json | None = None, body: bytes | None = None) -> Reply:
        """One request; no redirect is followed."""
        self.check_url(url)
        parts = urlsplit(url)
        connection = self.connection(parts)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), self.read(answer))
        except (OSError, HTTPException) as error:
            raise Stop(f"no answer: {error}") from error
        finally:
            connection.close()

    def connection(self, parts: SplitResult) -> HTTPConnection:
        """By the proxy that the environment names, but on loopback."""
        proxy = urlsplit(os.environ.get(f"{parts.scheme.upper()}_PROXY", ""))
        if proxy.hostname and parts.hostname not in LOOPBACK:
            return self.tunnel(parts, proxy)
        if parts.scheme == "https":
            return HTTPSConnection(parts.hostname or "", parts.port, timeout=SECONDS, context=self.trust())
        return HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)

    def tunnel(self, parts: SplitResult, proxy: SplitResult) -> HTTPConnection:
        connection = HTTPSConnection(proxy.hostname or "", proxy.port, timeout=SECONDS, context=self.trust())
        connection.set_tunnel(parts.hostname or "", parts.port or 443)
        return connection

    def trust(self) -> ssl.SSLContext:
        """The system's authorities, and SSL_CERT_FILE."""
        return ssl.create_default_context()

    def read(self, answer: Any) -> bytes:
        """Read a body within a size and a time."""
        deadline, body = time.monotonic() + SECONDS, b""
        while piece := answer.read1(65536):
            body += piece
            if len(body) > self.limit or time.monotonic() > deadline:
                raise Stop("too much, or too slow")
        return body

    def check_url(self, url: str) -> None:
        """https, or http on loopback."""
        parts = urlsplit(url)
        loopback = parts.hostname in LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise Stop("not a URL to go to")
        if urlsplit(self.url).hostname not in LOOPBACK and (loopback or not self.is_public(parts.hostname)):
            raise Stop("a public server does not point there")

    def is_public(self, host: str | None) -> bool:
        """A name, or a public address in any spelling."""
        try:
            address = ip_address(socket.inet_ntoa(socket.inet_aton(host or "")))
        except OSError:
            with suppress(ValueError):
                six = ip_address(host or "")
                return (getattr(six, "ipv4_mapped", None) or six).is_global
            return True
        return address.is_global

    def fetch(self, url: str) -> Reply:
        return self.send("GET", url, {"Accept": "application/json"})

    # --- discovery -------------------------------------------------------------------------------------

    def challenge(self, reply: Reply) -> dict[str, str]:
        """The parameters of the Bearer challenge."""
        for line in reply.lines("www-authenticate"):
            for scheme, parameters in challenges(line):
                if scheme.lower() == "bearer":
                    return parameters
        return {}

    def resource_metadata(self, challenge: dict[str, str]) -> Json:
        if "resource_metadata" in challenge:
            return self.checked_resource(self.fetch(challenge["resource_metadata"]), self.url)
        parts = urlsplit(self.url)
        for path in (parts.path, ""):
            url = urlunsplit((*parts[:2], f"/.well-known/oauth-protected-resource{path}", "", ""))
            reply = self.fetch(url)
            if reply.status == 200:
                return self.checked_resource(reply, urlunsplit((*parts[:2], path, "", "")))
        raise Stop("no protected resource metadata")

    def checked_resource(self, reply: Reply, wanted: str) -> Json:
        if reply.status != 200:
            raise Stop("no protected resource metadata")
        document = reply.json
        self.check_resource(document.get("resource"), wanted)
        self.named = str(document.get("resource"))
        return document

    def check_resource(self, resource: Any, wanted: str) -> None:
        if resource != wanted:
            raise Stop("the metadata is another resource's")

    def server_metadata(self, issuer: str) -> Json:
        parts = urlsplit(issuer)
        path = parts.path.rstrip("/")
        oauth, openid = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
        places = [f"{oauth}{path}", f"{openid}{path}", *([f"{path}{openid}"] if path else [])]
        for place in places:
            reply = self.fetch(urlunsplit((*parts[:2], place, "", "")))
            if reply.status == 200:
                document = reply.json
                self.check_issuer(document.get("issuer"), issuer)
                self.check_pkce(document.get("code_challenge_methods_supported"))
                return document
        return self.without_metadata(issuer)

    def without_metadata(self, issuer: str) -> Json:
        raise Stop("no authorization server metadata")

    def check_issuer(self, named: Any, issuer: str) -> None:
        if named != issuer:
            raise Stop("the metadata is another server's")

    def check_pkce(self, methods: Any) -> None:
        if not isinstance(methods, list) or "S256" not in methods:
            raise Stop("no PKCE with S256")

    # --- registration ----------------------------------------------------------------------------------

    def method_of(self, metadata: Json) -> str:
        """The plainest way of authentication that the server offers."""
        offered = metadata.get("token_endpoint_auth_methods_supported", ["none"])
        known = [each for each in ("none", "client_secret_basic", "client_secret_post") if each in offered]
        if not known:
            raise Stop("no way of authentication")
        return known[0]

    def registration(self, redirect_uri: str) -> Json:
        return {
            "client_name": "an honest client",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": self.method,
            "application_type": "native",
        }

    def registered(self, metadata: Json, redirect_uri: str) -> Json:
        self.method = self.method_of(metadata)
        reply = self.send_json(metadata["registration_endpoint"], self.registration(redirect_uri))
        if reply.status not in (200, 201):
            raise Stop(f"registration failed: {self.error_of(reply)}")
        client = reply.json
        self.check_registered(client, redirect_uri)
        return client

    def check_registered(self, client: Json, redirect_uri: str) -> None:
        if not isinstance(client.get("client_id"), str):
            raise Stop("no client_id")
        if client.get("redirect_uris", [redirect_uri]) != [redirect_uri]:
            raise Stop("the server registered another redirect URI")
        if client.get("token_endpoint_auth_method", self.method) != self.method:
            raise Stop("the server registered another way of authentication")

    def error_of(self, reply: Reply) -> str:
        try:
            return re.sub(r"[^\w-]", "?", str(reply.json.get("error", "")))[:40] or str(reply.status)
        except Stop:
            return str(reply.status)

    # --- authorization ---------------------------------------------------------------------------------

    def log_in(self, challenge: dict[str, str]) -> None:
        """Get a token, with a browser."""
        self.logins += 1
        if self.logins > 2:
            raise Stop("logged in often enough")
        resource = self.resource_metadata(challenge)
        issuer = self.issuer_of(resource)
        metadata = self.server_metadata(issuer)
        with Listener(self) as listener:
            client = self.client_for(issuer, metadata, listener.uri)
            verifier, state = self.new_verifier(), self.new_state()
            request = self.request(client, challenge, resource, listener.uri, verifier, state)
            self.open(self.authorization_url(metadata, request))
            query = listener.wait(state)
            code = self.code_of(query, state, metadata, issuer)
        self.redeem(metadata, issuer, client, code, verifier, request)

    def issuer_of(self, resource: Json) -> str:
        servers = resource.get("authorization_servers")
        if not isinstance(servers, list) or not servers or not isinstance(servers[0], str):
            raise Stop("no authorization server")
        return servers[0]

    def client_for(self, issuer: str, metadata: Json, redirect_uri: str) -> Json:
        return self.registered(metadata, redirect_uri)

    def new_verifier(self) -> str:
        return secrets.token_urlsafe(32)

    def new_state(self) -> str:
        return secrets.token_urlsafe(32)

    def request(
        self,
        client: Json,
        challenge: dict[str, str],
        resource: Json,
        redirect_uri: str,
        verifier: str,
        state: str,
    ) -> dict[str, str]:
        scope = self.scope(challenge, resource)
        return {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": redirect_uri,
            "state": state,
            **self.pkce(verifier),
            "resource": self.resource(),
            **({"scope": scope} if scope else {}),
        }

    def pkce(self, verifier: str) -> dict[str, str]:
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return {"code_challenge": challenge, "code_challenge_method": "S256"}

    def resource(self) -> str:
        return self.url

    def scope(self, challenge: dict[str, str], resource: Json) -> str:
        """The challenge's, else what the metadata lists; what was asked for before stays."""
        listed = resource.get("scopes_supported") or []
        wanted = (challenge.get("scope") or " ".join(listed)).split()
        before = (self.scopes_asked or "").split()
        self.scopes_asked = " ".join(dict.fromkeys([*before, *wanted]))
        return self.scopes_asked

    def authorization_url(self, metadata: Json, request: dict[str, str]) -> str:
        endpoint = metadata["authorization_endpoint"]
        if not re.fullmatch(r"https?://[\w.:\[\]-]+[\w./~%-]*(\?[\w.=&~%-]*)?", endpoint):
            raise Stop("not an authorization endpoint")
        self.check_url(endpoint)
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(request)}"

    def open(self, url: str) -> None:
        subprocess.run([os.environ["BROWSER"], url], check=True)

    def is_answer(self, target: str) -> bool:
        """What the listener takes for the answer: the right path, and a query that a browser may bring."""
        return urlsplit(target).path == PATH and len(target) < 4096

    def close(self, server: HTTPServer) -> None:
        server.server_close()

    def show_page(self, handler: BaseHTTPRequestHandler, query: Query, status: int) -> None:
        """The callback page: static."""
        body = b"<!doctype html><title>Done</title><p>You may close this page."
        handler.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", "default-src 'none'; script-src 'self'"),
            ("Content-Length", str(len(body))),
        ):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def code_of(self, query: Query, state: str, metadata: Json, issuer: str) -> str:
        """What the answer brings, after every check."""
        self.check_single(query)
        self.check_state(query, state)
        self.check_iss(query, metadata, issuer)
        if "error" in query:
            raise Stop("the login was declined")
        if not query.get("code", [""])[0]:
            raise Stop("no code")
        return query["code"][0]

    def check_single(self, query: Query) -> None:
        if any(len(values) > 1 for values in query.values()):
            raise Stop("a parameter comes twice")

    def check_state(self, query: Query, state: str) -> None:
        if not secrets.compare_digest(query.get("state", [""])[0].encode(), state.encode()):
            raise Stop("another state")

    def check_iss(self, query: Query, metadata: Json, issuer: str) -> None:
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if "iss" in query and query["iss"] != [issuer]:
            raise Stop("another issuer")
        if promised and "iss" not in query:
            raise Stop("the promised iss is missing")

    # --- tokens ----------------------------------------------------------------------------------------

    def redeem(
        self, metadata: Json, issuer: str, client: Json, code: str, verifier: str, request: dict[str, str]
    ) -> None:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request["redirect_uri"],
            "client_id": client["client_id"],
            "code_verifier": verifier,
            "resource": request["resource"],
        }
        reply = self.post_form(metadata["token_endpoint"], form, client)
        if reply.status != 200:
            raise Stop(f"no token: {self.error_of(reply)}")
        self.take(reply.json)
        self.keep(issuer, metadata, client)

    def post_form(self, url: str, form: dict[str, str], client: Json) -> Reply:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return self.send("POST", url, {**headers, **self.proof(form, client)}, urlencode(form).encode())

    def proof(self, form: dict[str, str], client: Json) -> dict[str, str]:
        """Authenticate the client: in the form, or by the headers that are returned."""
        if self.method == "client_secret_post":
            form["client_secret"] = client["client_secret"]
        if self.method == "client_secret_basic":
            pair = f"{quote_plus(client['client_id'])}:{quote_plus(client['client_secret'])}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        return {}

    def take(self, answer: Json) -> None:
        if str(answer.get("token_type", "")).lower() != "bearer":
            raise Stop("a token of a type that nobody knows")
        if not isinstance(answer.get("access_token"), str):
            raise Stop("no token")
        self.token = {**self.token, **answer}

    def keep(self, issuer: str, metadata: Json, client: Json) -> None:
        self.store = {
            "issuer": issuer,
            "token_endpoint": metadata["token_endpoint"],
            "client": client,
            "token": self.token,
            "scopes": self.scopes_asked,
        }
        self.write()

    def write(self) -> None:
        new = self.kept.with_suffix(f".{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self.store))
        new.rename(self.kept)

    def refresh(self) -> bool:
        """Use the refresh token once, one process at a time; False if that brings nothing."""
        with self.locked():
            kept = self.stored().get("token", {})
            if kept.get("access_token") not in (None, self.token.get("access_token")):
                self.token = kept
                return True
            return self.refreshed(self.token.pop("refresh_token", None))

    def locked(self) -> AbstractContextManager[object]:
        lock = self.kept.with_suffix(".lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def refreshed(self, token: str | None) -> bool:
        if not token:
            return False
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": self.store["client"]["client_id"],
            "resource": self.resource(),
        }
        reply = self.post_form(self.store["token_endpoint"], form, self.store["client"])
        if reply.status != 200:
            self.drop()
            return False
        self.token["refresh_token"] = token
        self.take(reply.json)
        self.save_refreshed()
        return True

    def drop(self) -> None:
        """A token that was refused is of no use."""
        self.store["token"] = {}
        self.write()

    def save_refreshed(self) -> None:
        self.store["token"] = self.token
        self.write()

    # --- MCP -------------------------------------------------------------------------------------------

    def call(self, method: str, params: Json | None = None, *, notify: bool = False) -> Reply:
        message: Json = {"jsonrpc": "2.0", "method": method, "params": params or {}}
        if not notify:
            message["id"] = 1
        return self.send_json(self.url, message, self.authorization())

    def authorization(self) -> dict[str, str]:
        token = self.token.get("access_token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def send_json(self, url: str, document: Json, headers: dict[str, str] | None = None) -> Reply:
        accept = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        return self.send("POST", url, {**accept, **(headers or {})}, json.dumps(document).encode())

    def use(self, method: str, params: Json | None = None) -> Json:
        """Call, and answer a challenge: one refresh, then a login, twice in all."""
        reply = self.call(method, params)
        if reply.status == 401 and self.token and self.refresh():
            reply = self.call(method, params)
        while reply.status == 401 or (reply.status == 403 and self.challenge(reply).get("scope")):
            if reply.status == 401:
                self.token = {}
            self.log_in(self.challenge(reply))
            reply = self.call(method, params)
        if reply.status != 200:
            raise Stop(f"the server answers {reply.status}")
        return reply.json

    def main(self) -> None:
        self.token = self.store.get("token", {})
        self.scopes_asked = self.store.get("scopes")
        hello = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "h", "version": "1"},
        }
        self.use("initialize", hello)
        self.call("notifications/initialized", notify=True)
        tools = self.use("tools/list")["result"]["tools"]
        self.use("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}})
        print(len(tools), "tools")


class Listener:
    """Takes one answer on loopback, then closes."""

    def __init__(self, client: Honest) -> None:
        self.query: Query = {}
        self.came = threading.Event()
        self.patience = client.patience
        self.server = HTTPServer((client.bind_host, 0), self._handler(client))
        self.client = client
        self.uri = f"http://{client.redirect_host}:{self.server.server_port}{PATH}"
        self.state = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close(self.server)

    def wait(self, state: str) -> Query:
        """The first answer to the right path, within a time."""
        self.state, deadline = state, time.monotonic() + self.patience
        self.server.timeout = 0.5
        while not self.came.is_set():
            if time.monotonic() > deadline:
                raise Stop("nobody came back")
            self.server.handle_request()
        return self.query

    def _handler(self, client: Honest) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mine = client.is_answer(self.path)
                if mine and not listener.came.is_set():
                    listener.query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
                    listener.came.set()
                client.show_page(self, listener.query, 200 if mine else 404)

            def log_message(self, *_: Any) -> None:
                pass

        for method in client.methods:
            setattr(Handler, f"do_{method}", Handler.do_GET)
        return Handler


def challenges(line: str) -> Iterable[tuple[str, dict[str, str]]]:
    """The challenges of one WWW-Authenticate line (RFC 9110 §11.6.1)."""
    token, quoted = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", r'"(?:[^"\\]|\\.)*"'
    parameter = re.compile(rf"\s*({token})\s*=\s*({quoted}|{token})\s*(?:,|$)")
    scheme = re.compile(rf"\s*,?\s*({token})(?:\s+|\s*,|$)")
    place = 0
    while place < len(line) and (found := scheme.match(line, place)):
        name, place, parameters = found[1], found.end(), {}
        while pair := parameter.match(line, place):
            value = pair[2]
            plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
            parameters[pair[1].lower()] = plain
            place = pair.end()
        yield name, parameters


def run(client: type[Honest], url: str) -> int:
    """Run a client; returns the exit code."""
    try:
        client(url).main()
    except Stop as reason:
        print("refused:", reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(Honest, sys.argv[1]))
