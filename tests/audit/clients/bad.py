"""Clients with exactly one flaw, `python bad.py FLAW URL`: the honest client with one method changed."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import sys
import threading
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


def remembering(self: Honest, answer: Json) -> None:
    Honest.take(self, answer)
    vars(self)["remembered"] = answer["access_token"]


def with_token(self: Honest, url: str) -> Reply:
    token = vars(self).get("remembered")
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
flaw("credentials-on-discovery", fetch=with_token, take=remembering)
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

# --- issuers ------------------------------------------------------------------------------------------------


def only_if_promised(self: Honest, query: Query, metadata: Json, issuer: str) -> None:
    if metadata.get("authorization_response_iss_parameter_supported"):
        Honest.check_iss(self, query, metadata, issuer)


def only_if_there(self: Honest, query: Query, metadata: Json, issuer: str) -> None:
    if "iss" in query:
        Honest.check_iss(self, query, metadata, issuer)


def always_wanted(self: Honest, query: Query, metadata: Json, issuer: str) -> None:
    if query.get("iss") != [issuer]:
        raise Stop("another issuer")


def normalising_iss(self: Honest, query: Query, metadata: Json, issuer: str) -> None:
    if "iss" in query:
        normalising(self, query["iss"][0], issuer)


def first_iss(self: Honest, query: Query, metadata: Json, issuer: str) -> None:
    Honest.check_iss(self, {name: values[:1] for name, values in query.items()}, metadata, issuer)


def late_iss(self: Honest, query: Query, metadata: Json, issuer: str) -> None:
    Honest.check_iss(self, query, metadata, self.issuer_of(self.resource_metadata({})))


def error_first(self: Honest, query: Query) -> None:
    if "error" in query:
        raise Stop(query.get("error_description", query["error"])[0])


def asks_again(self: Honest, *given: Any) -> None:
    try:
        Honest.log_in(self, *given)
    except Stop:
        Honest.log_in(self, *given)


flaw("ignores-iss", check_iss=nothing)
flaw("iss-only-if-promised", check_iss=only_if_promised)
flaw("iss-only-if-there", check_iss=only_if_there)
flaw("insists-on-iss", check_iss=always_wanted)
flaw("normalises-iss", check_iss=normalising_iss)
flaw("late-issuer", check_iss=late_iss)
flaw("takes-the-first", check_single=nothing, check_iss=first_iss)
flaw("takes-any-iss", check_single=nothing, check_iss=nothing)
flaw("shows-any-error", check_single=error_first)
flaw("asks-again", log_in=asks_again)

# --- tokens -------------------------------------------------------------------------------------------------


def follows_all(self: Honest, method: str, url: str, headers: Any = None, body: bytes | None = None) -> Reply:
    reply = Honest.send(self, method, url, headers, body)
    elsewhere = reply.lines("location")
    return Honest.send(self, method, elsewhere[0], headers, body) if elsewhere else reply


def old_transport(self: Honest, method: str, params: Json | None = None, *, notify: bool = False) -> Reply:
    reply = Honest.call(self, method, params, notify=notify)
    if reply.status == 405:
        stream = self.send("GET", self.url, {"Accept": "text/event-stream", **self.authorization()})
        endpoint = stream.body.decode().partition("data: ")[2].split()[0]
        return self.send_json(endpoint, {"jsonrpc": "2.0", "method": method, "id": 1}, self.authorization())
    return reply


def id_token_first(self: Honest) -> dict[str, str]:
    token = self.token.get("id_token") or self.token.get("access_token")
    return {"Authorization": f"Bearer {token}"} if token else {}


def greets(self: Honest, answer: Json) -> None:
    Honest.take(self, answer)
    if "id_token" in answer:
        part = answer["id_token"].split(".")[1]
        print("hello", json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["name"])


def takes_any_type(self: Honest, answer: Json) -> None:
    self.token = {**self.token, **answer}


def takes_one_spelling(self: Honest, answer: Json) -> None:
    if answer.get("token_type") != "Bearer":
        raise Stop("a token of a type that nobody knows")
    Honest.take(self, answer)


def keeps_old(self: Honest) -> None:
    self.token["refresh_token"] = self.store["token"]["refresh_token"]
    Honest.save_refreshed(self)


def insists(self: Honest) -> bool:
    token = self.token.get("refresh_token")
    return self.refreshed(token) or self.refreshed(token)


def gives_up(self: Honest) -> None:
    raise Stop("the refresh token was refused")


def wants_refresh_token(self: Honest) -> bool:
    if not self.token.get("refresh_token"):
        raise Stop("no refresh token")
    return Honest.refresh(self)


flaw("follows-all", send=follows_all)
flaw("old-transport", call=old_transport)
flaw("sends-id-token", authorization=id_token_first)
flaw("one-file-for-all", file_name=lambda self, url: "client.json")
flaw("greets-by-id-token", take=greets)
flaw("any-token-type", take=takes_any_type)
flaw("one-spelling-of-bearer", take=takes_one_spelling)
flaw("keeps-old-refresh-token", save_refreshed=keeps_old)
flaw("stores-no-rotation", save_refreshed=nothing)
flaw("no-lock", refresh=lambda self: self.refreshed(self.token.pop("refresh_token", None)))
flaw("refreshes-twice", refresh=insists)
flaw("gives-up-on-refusal", drop=gives_up)
flaw("wants-refresh-token", refresh=wants_refresh_token)

# --- failures -----------------------------------------------------------------------------------------------


def kept_value(self: Honest) -> str:
    kept = self.kept.with_suffix(".attempt")
    if not kept.exists():
        kept.write_text(Honest.new_state(self))
    return kept.read_text()


def without_resource_at_last(self: Honest, challenge: dict[str, str]) -> None:
    try:
        Honest.log_in(self, challenge)
    except Stop:
        self.authorization_url = lambda *a: unasked_resource(self, *a)  # type: ignore[method-assign]
        self.post_form = lambda *a: without_resource(self, *a)  # type: ignore[method-assign]
        Honest.log_in(self, challenge)


def challenged_only(self: Honest, challenge: dict[str, str], resource: Json) -> str:
    return challenge.get("scope", "")


def no_step_up(self: Honest, reply: Reply) -> dict[str, str]:
    return {} if reply.status == 403 else Honest.challenge(self, reply)


def many_logins(self: Honest, challenge: dict[str, str]) -> None:
    self.tried = getattr(self, "tried", 0) + 1  # type: ignore[attr-defined]
    self.logins = 0 if self.tried < 6 else 9  # type: ignore[attr-defined]
    Honest.log_in(self, challenge)


def many_refreshes(self: Honest, challenge: dict[str, str]) -> None:
    Honest.log_in(self, challenge)
    for _ in range(4):
        if self.call("tools/list").status == 401:
            self.refresh()


def refreshes_until_it_lasts(self: Honest, *given: Any) -> None:
    Honest.redeem(self, *given)
    for _ in range(12):
        if self.token.get("expires_in", 1) <= 0:
            self.refreshed(self.token["refresh_token"])


def refuses_no_lifetime(self: Honest, answer: Json) -> None:
    if not isinstance(answer.get("expires_in"), int):
        raise Stop("no lifetime")
    Honest.take(self, answer)


def redeems_until_it_works(self: Honest, *given: Any) -> None:
    try:
        Honest.redeem(self, *given)
    except Stop:
        Honest.redeem(self, *given)


def by_json(self: Honest, url: str, form: dict[str, str], client: Json) -> Reply:
    return self.send_json(url, form)


flaw("keeps-attempt", new_state=kept_value)
flaw("drops-resource", log_in=without_resource_at_last)
flaw("challenged-scope-only", scope=challenged_only)
flaw("no-step-up", challenge=no_step_up)
flaw("many-logins", log_in=many_logins)
flaw("many-refreshes", log_in=many_refreshes)
flaw("refreshes-until-it-lasts", redeem=refreshes_until_it_lasts)
flaw("refuses-no-lifetime", take=refuses_no_lifetime)
flaw("replays-code", redeem=redeems_until_it_works)
flaw("code-by-json", post_form=by_json)

# --- registration -------------------------------------------------------------------------------------------


def with_grant(self: Honest, redirect_uri: str) -> Json:
    document = Honest.registration(self, redirect_uri)
    return {**document, "grant_types": [*document["grant_types"], "client_credentials"]}


def five_times(self: Honest, metadata: Json, redirect_uri: str) -> Json:
    for _ in range(5):
        with suppress(Stop):
            return Honest.registered(self, metadata, redirect_uri)
    raise Stop("registration failed")


def unregistered(self: Honest, metadata: Json, redirect_uri: str) -> Json:
    with suppress(Stop):
        return Honest.registered(self, metadata, redirect_uri)
    return {"client_id": "default"}


def kept_client(self: Honest, issuer: str, metadata: Json, redirect_uri: str) -> Json:
    return self.store.get("client") or Honest.client_for(self, issuer, metadata, redirect_uri)


def refreshes_elsewhere(self: Honest) -> bool:
    metadata = self.server_metadata(self.issuer_of(self.resource_metadata({})))
    self.store["token_endpoint"] = metadata["token_endpoint"]
    return self.refreshed(self.token.pop("refresh_token", None))


def wider_refresh(self: Honest, url: str, form: dict[str, str], client: Json) -> Reply:
    more = {"scope": "mcp:tools mcp:admin"} if "refresh_token" in form else {}
    return Honest.post_form(self, url, {**form, **more}, client)


def remembered(self: Honest, challenge: dict[str, str]) -> Json:
    self.known = getattr(self, "known", None) or Honest.resource_metadata(self, challenge)  # type: ignore[attr-defined]
    return self.known  # type: ignore[attr-defined,no-any-return]


def part(of: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(of).encode()).rstrip(b"=").decode()


def asserting(**changes: Any) -> Any:
    def post_form(self: Honest, url: str, form: dict[str, str], client: Json) -> Reply:
        subject = client["client_id"]
        claims = {
            "iss": subject,
            "sub": subject,
            "aud": url.removesuffix("/token"),
            "jti": str(time.time_ns()),
        }
        claims |= {"exp": time.time() + 60, **changes, **({"aud": url} if changes.get("aud") else {})}
        head = {"alg": "ES256", "typ": "client-authentication+jwt", **changes.get("head", {})}
        assertion = f"{part(head)}.{part(claims)}.c2lnbmVk"
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        form = {**form, "client_assertion": assertion, "client_assertion_type": kind}
        return Honest.post_form(self, url, form, client)

    return post_form


def assertion_flaw(name: str, **changes: Any) -> None:
    flaw(name, method_of=lambda self, metadata: "private_key_jwt", post_form=asserting(**changes))


flaw("metadata-url", client_for=lambda self, *a: {"client_id": "https://app.example/client.json"})
flaw("metadata-document", client_for=lambda self, *a: {"client_id": sys.argv[3]})
flaw("wants-a-grant-more", registration=with_grant)
flaw("wants-a-secret", method_of=lambda self, metadata: "client_secret_basic")
flaw("ignores-registration", check_registered=nothing)
flaw("registers-five-times", registered=five_times)
flaw("goes-unregistered", registered=unregistered)
flaw("hides-errors", error_of=lambda self, reply: "no luck")
flaw("one-registration", client_for=kept_client)
flaw("refreshes-elsewhere", refresh=refreshes_elsewhere)
flaw("wider-refresh", post_form=wider_refresh)
flaw("remembers-metadata", resource_metadata=remembered)
assertion_flaw("good-assertion")
assertion_flaw("assertion-to-endpoint", aud=True)
assertion_flaw("long-assertion", exp=time.time() + 86400)
assertion_flaw("shared-key-assertion", head={"alg": "HS256"})
assertion_flaw("plain-jwt-assertion", head={"typ": "JWT"})

# --- listeners ----------------------------------------------------------------------------------------------


def page(handler: Any, body: str, **headers: str) -> None:
    handler.send_response(302 if "Location" in headers else 200)
    for name, value in {"Content-Type": "text/html", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body.encode())


CAREFUL = {
    "Cache_Control": "no-store",
    "Referrer_Policy": "no-referrer",
    "Content_Security_Policy": "default-src 'none'",
}
INLINE = {**CAREFUL, "Content_Security_Policy": "script-src 'self' 'unsafe-inline'"}


def onward(self: Honest, handler: Any, query: Query, status: int) -> None:
    page(handler, "", Location=query.get("next", ["/done"])[0], **CAREFUL)


def stays_open(self: Honest, server: Any) -> None:
    threading.Thread(target=server.serve_forever, daemon=True).start()


def lingers(self: Honest) -> None:
    Honest.main(self)
    time.sleep(2)


def looks_itself(self: Honest, url: str) -> None:
    page = self.send("GET", url)
    ticket = re.findall(rb'name="ticket" value="([^"]+)"', page.body)[0].decode()
    cookie = page.lines("set-cookie")[0].partition(";")[0]
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    answer = urlencode({"ticket": ticket, "decision": "allow"}).encode()
    self.send("POST", urlunsplit((*urlsplit(url)[:2], "/consent", "", "")), form, answer)
    raise Stop("the code is not fetched")


def guessing_resource(self: Honest, challenge: dict[str, str]) -> Json:
    try:
        return Honest.resource_metadata(self, challenge)
    except Stop:
        return {"authorization_servers": [origin_of_server(self, {})]}


def guessing_metadata(self: Honest, issuer: str) -> Json:
    try:
        return Honest.server_metadata(self, issuer)
    except Stop:
        names = {"authorization": "authorize", "token": "token", "registration": "register"}
        return {f"{name}_endpoint": f"{issuer}/{path}" for name, path in names.items()}


flaw("listens-everywhere", bind_host="0.0.0.0")
flaw("says-localhost", redirect_host="localhost")
flaw("takes-any-path", is_answer=lambda self, target: "code=" in target)
flaw("takes-any-method", methods=("GET", "POST", "HEAD"))
flaw("takes-any-length", is_answer=lambda self, target: urlsplit(target).path == "/callback")
flaw("stays-open", close=stays_open, main=lingers)
flaw("echoes", show_page=lambda self, handler, query, status: page(handler, f"{query}", **CAREFUL))
flaw("leads-onward", show_page=onward)
flaw(
    "loads-from-elsewhere",
    show_page=lambda self, handler, *a: page(handler, '<script src="https://cdn.example/x.js">', **CAREFUL),
)
flaw("bare-page", show_page=lambda self, handler, *a: page(handler, "done"))
flaw("inline-scripts", show_page=lambda self, handler, *a: page(handler, "done", **INLINE))
flaw("own-view", open=looks_itself)
flaw("guesses-endpoints", resource_metadata=guessing_resource, server_metadata=guessing_metadata)

# --- DPoP ---------------------------------------------------------------------------------------------------


def proving(head: Json | None = None, jwk: Json | None = None, **changes: Any) -> Any:
    """Return a way to send that adds something like a proof to each token request."""

    def send(self: Honest, method: str, url: str, headers: Any = None, body: bytes | None = None) -> Reply:
        if body and b"grant_type=" in body:
            key = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", **(jwk or {})}
            claims = {"htm": method, "htu": url, "iat": time.time(), "jti": str(time.time_ns()), **changes}
            top = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key, **(head or {})}
            headers = {**headers, "DPoP": f"{part(top)}.{part(claims)}.c2lnbmVk"}
        return Honest.send(self, method, url, headers, body)

    return send


flaw("good-proof", send=proving())
flaw("proof-with-private-key", send=proving(jwk={"d": "d"}))
flaw("proof-of-another-time", send=proving(iat=1))
flaw("proof-for-another-url", send=proving(htu="https://mcp.example/"))
flaw("proof-without-jti", send=proving(jti=""))
flaw("proof-of-another-type", send=proving(head={"typ": "JWT"}))

if __name__ == "__main__":
    sys.exit(run(FLAWS[sys.argv[1]], sys.argv[2]))
