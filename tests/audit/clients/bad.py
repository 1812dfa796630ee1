"""Clients with exactly one flaw, `python bad.py FLAW URL`: the honest client with one method changed."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit, urlunsplit

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.audit.clients.honest import Honest, Json, Query, Reply, Stop, challenges, run

FLAWS: dict[str, type[Honest]] = {"none": Honest}


def flaw(name: str, **methods: Any) -> None:
    """Enter the honest client with these methods or attributes instead of its own."""
    FLAWS[name] = type(name, (Honest,), methods)


def nothing(*_: object) -> None:
    """Check nothing."""


# --- PKCE and state -----------------------------------------------------------------------------------------


def plain(self: Honest, verifier: str) -> dict[str, str]:
    return {"code_challenge": verifier, "code_challenge_method": "plain"}


def plain_when_told(self: Honest, methods: Any) -> None:
    if methods == ["plain"]:
        self.pkce = lambda verifier: plain(self, verifier)  # type: ignore[method-assign]


def verifier_in_url(self: Honest, verifier: str) -> dict[str, str]:
    return {**Honest.pkce(self, verifier), "verifier": verifier}


def any_case(self: Honest, query: Query, state: str) -> None:
    if query.get("state", [""])[0].lower() != state.lower():
        raise Stop("another state")


def last_of_each(self: Honest, query: Query, *given: Any) -> str:
    return Honest.code_of(self, {name: values[-1:] for name, values in query.items()}, *given)


def redeem_twice(self: Honest, *given: Any) -> None:
    Honest.redeem(self, *given)
    time.sleep(0.5)
    with suppress(Stop):
        Honest.redeem(self, *given)


flaw("ignores-state", check_state=nothing)
flaw("last-parameter", code_of=last_of_each)
flaw("any-case-state", check_state=any_case)
flaw("weak-state", new_state=lambda self: str(time.time_ns() % 10**8))
flaw("constant-state", new_state=lambda self: "the-same-state-in-every-login-of-everybody")
flaw("takes-answers-twice", redeem=redeem_twice)
flaw("plain-pkce", pkce=plain)
flaw("plain-pkce-when-told", check_pkce=plain_when_told)
flaw("no-pkce", pkce=lambda self, verifier: {})
flaw("short-verifier", new_verifier=lambda self: f"short-{time.time_ns() % 10**9}")
flaw("verifier-in-url", pkce=verifier_in_url)
flaw("another-verifier", pkce=lambda self, verifier: Honest.pkce(self, verifier + "x"))
flaw("ignores-missing-pkce", check_pkce=nothing)

# --- discovery ----------------------------------------------------------------------------------------------


def first_header_only(self: Honest, reply: Reply) -> dict[str, str]:
    scheme, parameters = next(iter(challenges(reply.lines("www-authenticate")[0])))
    return parameters if scheme.lower() == "bearer" else {}


def by_pattern(self: Honest, reply: Reply) -> dict[str, str]:
    found = re.search(r'resource_metadata=\\?"([^"\\]*)', ", ".join(reply.lines("www-authenticate")))
    return {"resource_metadata": found[1]} if found else {}


def without_hint(self: Honest, challenge: dict[str, str]) -> Json:
    return Honest.resource_metadata(self, {})


def root_before_path(self: Honest, challenge: dict[str, str]) -> Json:
    if "resource_metadata" not in challenge:
        origin = urlunsplit((*urlsplit(self.url)[:2], "", "", ""))
        self.fetch(f"{origin}/.well-known/oauth-protected-resource")
    return Honest.resource_metadata(self, challenge)


def reads_and_refuses(self: Honest, resource: Any, wanted: str) -> None:
    if resource != wanted:
        self.server_metadata(self.issuer_named)
        raise Stop("the metadata is another resource's")


def remembers_issuer(self: Honest, reply: Reply, wanted: str) -> Json:
    self.issuer_named = reply.json["authorization_servers"][0]
    return Honest.checked_resource(self, reply, wanted)


def origin_of_server(self: Honest, resource: Json) -> str:
    return urlunsplit((*urlsplit(self.url)[:2], "", "", ""))


def oauth_form_only(self: Honest, issuer: str) -> Json:
    reply = self.fetch(f"{issuer}/.well-known/oauth-authorization-server")
    if reply.status != 200:
        raise Stop("no authorization server metadata")
    return reply.json


def root_first(self: Honest, issuer: str) -> Json:
    self.fetch(urlunsplit((*urlsplit(issuer)[:2], "/.well-known/openid-configuration", "", "")))
    return Honest.server_metadata(self, issuer)


def normalising(self: Honest, named: Any, issuer: str) -> None:
    if unquote(str(named)).lower().rstrip("/") != issuer.lower():
        raise Stop("the metadata is another server's")


def any_json(self: Honest, url: str) -> Reply:
    reply = Honest.fetch(self, url)
    if reply.body.startswith(b"["):
        reply.body = json.dumps(json.loads(reply.body)[0]).encode()
    return reply


def patient(self: Honest, answer: Any) -> bytes:
    body = b""
    while piece := answer.read1(65536):
        body += piece
    return body


def with_token(self: Honest, url: str) -> Reply:
    token = self.store.get("token", {}).get("access_token")
    return self.send("GET", url, {"Authorization": f"Bearer {token}"} if token else {})


def follows(self: Honest, method: str, url: str, headers: Any = None, body: bytes | None = None) -> Reply:
    reply = Honest.send(self, method, url, headers, body)
    while reply.status in (302, 307):
        reply = Honest.send(self, method, reply.lines("location")[0], headers, body)
    return reply


flaw("first-header-only", challenge=first_header_only)
flaw("challenge-by-pattern", challenge=by_pattern)
flaw("ignores-the-hint", resource_metadata=without_hint)
flaw("root-before-path", resource_metadata=root_before_path)
flaw("any-resource", check_resource=nothing)
flaw("reads-metadata-first", check_resource=reads_and_refuses, checked_resource=remembers_issuer)
flaw("resource-of-metadata", check_resource=nothing, resource=lambda self: self.named)
flaw("guesses-server", issuer_of=origin_of_server)
flaw("oauth-form-only", server_metadata=oauth_form_only)
flaw("root-metadata-first", server_metadata=root_first)
flaw("any-issuer", check_issuer=nothing)
flaw("normalises-issuer", check_issuer=normalising)
flaw("any-json", fetch=any_json)
flaw("no-limits", read=patient)
flaw("credentials-on-discovery", fetch=with_token)
flaw("follows-redirects", send=follows)


# --- what is opened -----------------------------------------------------------------------------------------


def unchecked(self: Honest, metadata: Json, request: dict[str, str]) -> str:
    endpoint = metadata["authorization_endpoint"]
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(request)}"


def without_query(self: Honest, metadata: Json, request: dict[str, str]) -> str:
    return f"{metadata['authorization_endpoint'].partition('?')[0]}?{urlencode(request)}"


def by_shell(self: Honest, url: str) -> None:
    os.system(f'"$BROWSER" "{url}"')


def by_quoting_shell(self: Honest, url: str) -> None:
    os.system(f"\"$BROWSER\" '{url}'")


flaw("opens-anything", authorization_url=unchecked, patience=1.0)
flaw("drops-query", authorization_url=without_query)
flaw("opens-by-shell", authorization_url=unchecked, open=by_shell)
flaw("opens-by-quoting-shell", authorization_url=unchecked, open=by_quoting_shell)


# --- requests -----------------------------------------------------------------------------------------------


def another_resource(self: Honest, url: str, form: dict[str, str], client: Json) -> Reply:
    return Honest.post_form(self, url, {**form, "resource": form["resource"] + "/other"}, client)


def without_resource(self: Honest, url: str, form: dict[str, str], client: Json) -> Reply:
    return Honest.post_form(self, url, {k: v for k, v in form.items() if k != "resource"}, client)


def without_resource_when_refreshing(self: Honest, url: str, form: dict[str, str], client: Json) -> Reply:
    wanted = without_resource if "refresh_token" in form else Honest.post_form
    return wanted(self, url, form, client)


def unasked_resource(self: Honest, metadata: Json, request: dict[str, str]) -> str:
    wanted = {name: value for name, value in request.items() if name != "resource"}
    return Honest.authorization_url(self, metadata, wanted)


def another_redirect(self: Honest, redirect_uri: str) -> Json:
    return {**Honest.registration(self, redirect_uri), "redirect_uris": ["http://127.0.0.1/elsewhere"]}


def foreign_redirect(self: Honest, redirect_uri: str) -> Json:
    return {**Honest.registration(self, redirect_uri), "redirect_uris": ["http://app.example/callback"]}


def untyped(self: Honest, redirect_uri: str) -> Json:
    document = Honest.registration(self, redirect_uri)
    return {name: value for name, value in document.items() if name != "application_type"}


def web(self: Honest, redirect_uri: str) -> Json:
    return {**Honest.registration(self, redirect_uri), "application_type": "web"}


def secret_twice(self: Honest, form: dict[str, str], client: Json) -> dict[str, str]:
    headers = Honest.proof(self, form, client)
    form["client_secret"] = client["client_secret"]
    return headers


def secret_in_url(self: Honest, url: str, form: dict[str, str], client: Json) -> Reply:
    return Honest.post_form(self, f"{url}?client_secret={client.get('client_secret', 'x')}", form, client)


def always_post(self: Honest, form: dict[str, str], client: Json) -> dict[str, str]:
    form["client_secret"] = client.get("client_secret", "")
    return {}


def in_url(self: Honest, url: str, document: Json, headers: Any = None) -> Reply:
    token = self.token.get("access_token")
    return Honest.send_json(
        self, f"{url}?access_token={token}" if token and "mcp" in url else url, document, headers
    )


def bare_notifications(
    self: Honest, method: str, params: Json | None = None, *, notify: bool = False
) -> Reply:
    token, self.token = self.token, {} if notify else self.token
    try:
        return Honest.call(self, method, params, notify=notify)
    finally:
        self.token = token


def printing(self: Honest, answer: Json) -> None:
    Honest.take(self, answer)
    print("token response:", answer, file=sys.stderr)


def printing_when_asked(self: Honest, answer: Json) -> None:
    Honest.take(self, answer)
    if os.environ.get("DEBUG"):
        print("refresh token in base64:", base64.b64encode(str(answer).encode()).decode())


def any_host(self: Honest) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def plain_by_proxy(self: Honest, parts: SplitResult, proxy: SplitResult) -> HTTPConnection:
    if parts.scheme == "https":
        return Honest.tunnel(self, parts, proxy)
    connection = HTTPConnection(proxy.hostname or "", proxy.port, timeout=2)
    connection.putrequest = lambda method, path, **more: HTTPConnection.putrequest(  # type: ignore[method-assign]
        connection, method, f"http://{parts.hostname}{path}", **more
    )
    return connection


flaw("any-scheme", check_url=nothing, tunnel=plain_by_proxy)
flaw("any-address", is_public=lambda self, host: True)
flaw("any-loopback", check_url=nothing)
flaw("any-certificate", trust=lambda self: ssl._create_unverified_context())
flaw("any-host-name", trust=any_host)
flaw("no-resource", authorization_url=unasked_resource)
flaw("no-resource-for-code", post_form=without_resource)
flaw("no-resource-for-refresh", post_form=without_resource_when_refreshing)
flaw("slash-resource", resource=lambda self: self.url + "/")
flaw("origin-resource", resource=lambda self: self.url.removesuffix("/mcp"))
flaw("another-resource-for-code", post_form=another_resource)
flaw("own-scopes", scope=lambda self, challenge, resource: "mcp:tools mcp:prompts")
flaw(
    "listed-scopes-only",
    scope=lambda self, challenge, resource: " ".join(resource.get("scopes_supported", [])),
)
flaw("always-offline", scope=lambda self, *a: f"{Honest.scope(self, *a)} offline_access".strip())
flaw("another-redirect", registration=another_redirect, check_registered=nothing)
flaw("foreign-redirect", registration=foreign_redirect)
flaw("no-application-type", registration=untyped)
flaw("web-application", registration=web)
flaw("secret-twice", proof=secret_twice)
flaw("secret-in-url", post_form=secret_in_url)
flaw("always-post", proof=always_post)
flaw("token-in-url", send_json=in_url)
flaw("bare-notifications", call=bare_notifications)
flaw("prints-tokens", take=printing)
flaw("prints-when-asked", take=printing_when_asked)

if __name__ == "__main__":
    sys.exit(run(FLAWS[sys.argv[1]], sys.argv[2]))
