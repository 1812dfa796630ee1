"""Callbacks: somebody else answers, or the answer is not what it seems."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from mcp_vacuum.drivers.aio import Person
from mcp_vacuum.drivers.browser import BrowserVisit
from mcp_vacuum.drivers.loopback import LoopbackListener
from mcp_vacuum.errors import LoginDeclined, SecurityRefused
from mcp_vacuum.lab import Lab
from mcp_vacuum.login import Ways
from tests.attacks.hostile import STOLEN
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World

_ANY = lambda _request: lambda _url: True  # noqa: E731
STATE = defence("an answer counts only with this login's `state`", {"protocol.authorization.acceptor": _ANY})
ONCE = defence("no parameter comes twice", {"protocol.authorization._SINGLE": ()})
FOR_US = defence("path, method and Host are exact", {"drivers.loopback._Handler._is_for_us": lambda *_: True})
FIXED_PAGE = in_the_test(
    "one of two fixed pages; nothing of the request is in them",
    "`drivers/loopback.py: _Handler`",
    lambda patch: patch.setattr("mcp_vacuum.drivers.loopback._Handler._answer", _reflecting),
)


def _reflecting(handler: object, status: int, page: str) -> None:
    """Careless: says what came."""
    from urllib.parse import unquote_plus

    body = f"{page}<p>{unquote_plus(handler.path)}".encode()  # type: ignore[attr-defined]
    handler.send_response(302 if "next=" in handler.path else status)  # type: ignore[attr-defined]
    if "next=" in handler.path:  # type: ignore[attr-defined]
        handler.send_header("Location", parse_qs(handler.path.partition("?")[2])["next"][0])  # type: ignore[attr-defined]
    handler.send_header("Content-Length", str(len(body)))  # type: ignore[attr-defined]
    handler.end_headers()  # type: ignore[attr-defined]
    handler.wfile.write(body)  # type: ignore[attr-defined]


def _get(uri: str, query: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    """One request of a local process, or of a web page, to the listener."""
    parts = urlsplit(uri)
    with contextlib.closing(HTTPConnection("127.0.0.1", parts.port, timeout=5)) as connection:
        connection.putrequest(method, f"{parts.path}?{query}", skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


Interfering = Callable[[str, str], None]


def _meanwhile(world: World, interfere: Interfering, then: bool = True) -> Ways:
    """Let somebody interfere once the browser is open; the person says yes afterwards."""

    def ways(listener: LoopbackListener, timeout: float) -> Person:
        def opener(url: str) -> bool:
            over = threading.Event()
            world.meanwhile.append(over)
            try:
                with contextlib.suppress(OSError):
                    interfere(url, listener.redirect_uri)
                    if then:
                        world.user.visit(url)
            finally:
                over.set()
            return True

        return BrowserVisit(listener, timeout=timeout, opener=opener)

    return ways


def _codes(lab: Lab) -> list[str]:
    forms = [request.form for request in lab.recorder.to("/token")]
    return [value for form in forms for value in form.get("code", ())]


@attacks(
    "the answer carries {}",
    {
        "another state": {"state": ["not-ours"]},
        "no state": {"state": []},
        "an empty state": {"state": [""]},
        "a state in upper case": {"state": ["{upper}"]},
        "a longer state": {"state": ["{state}x"]},
        "our state and another one": {"state": ["{state}", "not-ours"]},
    },
    source="RFC 6749 §10.12, RFC 9700 §4.7.1, OAuth 2.1 §2.3.3",
    defence=STATE + ONCE,
    sees=Sees(SecurityRefused, "RFC 6749 §10.12", "state"),
)
def test_state(world: World, callback: dict[str, list[str]]) -> Loot:
    lab = world.lab()
    state: list[str] = []

    def ways(listener: LoopbackListener, timeout: float) -> Person:
        def opener(url: str) -> bool:
            state.append(parse_qs(urlsplit(url).query)["state"][0])
            sent = [text.format(state=state[0], upper=state[0].swapcase()) for text in callback["state"]]
            query = urlencode({"code": [STOLEN], "state": sent, "iss": [lab.issuer]}, doseq=True)
            _get(listener.redirect_uri, query)
            return True

        return BrowserVisit(listener, timeout=timeout, opener=opener)

    world.log_in(lab.mcp_url, ways=ways, timeout=0.3)
    return [f"the code {code} was redeemed" for code in _codes(lab)]


@attack(
    "a local process reaches the callback first",
    source="RFC 8252 §8.1, OAuth 2.1 §8.5.4, CVE-2025-68158",
    defence=STATE,
    sees=NOTHING,
)
def test_race(world: World) -> Loot:
    """It has a code of its own account, and guesses."""
    lab = world.lab(iss_parameter=False)

    def interfere(_url: str, uri: str) -> None:
        for _ in range(20):
            _get(uri, urlencode({"code": "attackers-own-code", "state": "a-guess"}))

    world.log_in(lab.mcp_url, ways=_meanwhile(world, interfere))
    return [f"{code} was redeemed" for code in _codes(lab) if code == "attackers-own-code"]


@attack(
    "a local process ends the login with access_denied",
    source="OAuth 2.1 §8.5.4, RFC 8252 §8.3",
    defence=STATE,
    sees=NOTHING,
)
def test_denial(world: World) -> Loot:
    lab = world.lab()
    done = world.log_in(
        lab.mcp_url, ways=_meanwhile(world, lambda _, uri: _get(uri, "error=access_denied") and None)
    )
    return [] if done else ["the login is over"]


@attack(
    "the answer to an earlier login is replayed",
    source="RFC 9700 §4.2.4",
    defence=STATE,
    sees=NOTHING,
)
def test_replay(world: World) -> Loot:
    lab = world.lab()
    old: list[str] = []

    def ways(listener: LoopbackListener, timeout: float) -> Person:
        def opener(url: str) -> bool:
            if old:
                _get(listener.redirect_uri, old[0])
            query = urlsplit(world.user.visit(url)).query
            old.append(query)
            return True

        return BrowserVisit(listener, timeout=timeout, opener=opener)

    world.log_in(lab.mcp_url, ways=ways)
    before = len(_codes(lab))
    world.log_in(lab.mcp_url, ways=ways, force=True)
    seen = _codes(lab)
    return ["an old code was sent again"] if len(set(seen)) < len(seen) or len(seen) == before else []


@attack(
    "the answers of two logins are swapped",
    source="RFC 9700 §4.2.4, §4.4; CVE-2025-68158",
    defence=STATE + defence("iss", {"protocol.authorization._check_iss": lambda *_: None}),
    sees=Sees(SecurityRefused, "RFC 6749 §10.12"),
)
def test_swapped(world: World) -> Loot:
    """Login A's listener is given the answer of login B, which is at another server."""
    lab, other = world.lab(), world.lab()
    answers: list[str] = []

    def first(listener: LoopbackListener, timeout: float) -> Person:
        def opener(url: str) -> bool:
            answers.append(urlsplit(world.user.visit(url)).query)
            return True

        return BrowserVisit(listener, timeout=timeout, opener=opener)

    world.log_in(lab.mcp_url, ways=first)
    world.log_in(
        other.mcp_url,
        ways=_meanwhile(world, lambda _, uri: _get(uri, answers[0]) and None, then=False),
        timeout=0.3,
    )
    return [f"a code of {lab.issuer} at {other.issuer}" for code in _codes(other) if code in _codes(lab)]


@attacks(
    "the answer has two values of {}",
    {
        "code": {"code": [STOLEN, "second"]},
        "code, the bad one first": {"code": ["bad", STOLEN]},
        "iss": {"iss": ["{origin}", "https://honest.example"]},
        "error beside a code": {"error": ["x", "y"], "code": [STOLEN]},
    },
    source="OAuth 2.1 §3.1, OAuch CodePollution",
    defence={
        "": ONCE + defence("a code is used", {"protocol.authorization._said_no": lambda *_: _Ignored()}),
    },
    sees=Sees(SecurityRefused, "OAuth 2.1 §3.1", "repeats"),
)
def test_doubled(world: World, callback: dict[str, list[str]]) -> Loot:
    evil = world.hostile()
    evil.callback = {
        name: [v.format(origin=evil.origin) for v in values] for name, values in callback.items()
    }
    if "iss" in callback:
        evil.callback["iss"].reverse()
    world.log_in(evil.url)
    reached = evil.forms("/token", "code")
    return reached or ([f"{world.error!r}"] if isinstance(world.error, _Ignored) else [])


class _Ignored(LoginDeclined):
    """Careless: one of two answers was believed."""

    def __init__(self) -> None:
        super().__init__("believed")


@attacks(
    "a code that is {}",
    {"empty": "", "two lines": "a\r\nX-Injected: 1", "not ASCII": "c\u00f6de", "a zero byte": "a\x00b"},
    source="RFC 6749 A.11, §4.1.2",
    defence=in_the_test(
        "a code is printable ASCII",
        "`protocol/authorization.py: validate_callback`",
        lambda patch: patch.setattr("mcp_vacuum.protocol.flows.validate_callback", _taking_anything),
    ),
    sees=Sees(SecurityRefused, "A.11", "no code"),
)
def test_odd_code(world: World, code: str) -> Loot:
    evil = world.hostile(callback={"code": [code]})
    world.log_in(evil.url)
    return [f"a token request with {len(got.body)} bytes" for got in evil.to("/token")]


def _taking_anything(_request: object, url: str) -> object:
    from mcp_vacuum.safety.secret import Secret

    return Secret(parse_qs(urlsplit(url).query).get("code", ["nothing"])[0])


@attacks(
    "a web page whose name was rebound to loopback calls the callback with Host {}",
    {
        "of its own": "attacker.example",
        "and our port": "attacker.example:{port}",
        "localhost": "localhost:{port}",
    },
    source="CVE-2025-49596, CVE-2025-66416, RFC 8252 §8.3",
    defence=FOR_US,
    sees=NOTHING,
)
def test_rebinding(world: World, host: str) -> Loot:
    lab = world.lab()
    answered: list[int] = []

    def interfere(_url: str, uri: str) -> None:
        answered.append(_get(uri, "code=x&state=y", Host=host.format(port=urlsplit(uri).port))[0])

    world.log_in(lab.mcp_url, ways=_meanwhile(world, interfere))
    return [f"status {status}: it was let in" for status in answered if status != 404]


@attacks(
    "the callback is called with {}",
    {
        "another path": ("GET", "/elsewhere", ""),
        "a longer path": ("GET", "/callback/x", ""),
        "an oversized query": ("GET", "/callback", "x" * 9000),
    },
    source="OAuth 2.1 §8.5.4",
    defence=FOR_US,
    sees=NOTHING,
)
def test_other_requests(world: World, request_: tuple[str, str, str]) -> Loot:
    lab, (method, path, padding) = world.lab(), request_
    answered: list[int] = []

    def interfere(url: str, uri: str) -> None:
        state = parse_qs(urlsplit(url).query)["state"][0]
        target = urlsplit(uri)._replace(path=path).geturl()
        query = urlencode({"error": "access_denied", "state": state, "iss": lab.issuer, "pad": padding})
        answered.append(_get(target, query, method=method)[0])

    world.log_in(lab.mcp_url, ways=_meanwhile(world, interfere))
    return [f"status {status}: the answer was taken" for status in answered if status == 200]


@attacks(
    "the callback is called with {}",
    {"POST": "POST", "HEAD": "HEAD", "PUT": "PUT", "OPTIONS": "OPTIONS"},
    source="OAuth 2.1 §8.5.4, RFC 8252 §7.3",
    defence=in_the_test(
        "GET alone is served",
        "`drivers/loopback.py: _Handler`",
        lambda patch: _serving_every_method(patch),
    ),
    sees=NOTHING,
)
def test_methods(world: World, method: str) -> Loot:
    """A form of any web page can POST to loopback."""
    lab = world.lab()
    answered: list[int] = []

    def interfere(url: str, uri: str) -> None:
        state = parse_qs(urlsplit(url).query)["state"][0]
        query = urlencode({"error": "access_denied", "state": state, "iss": lab.issuer})
        with contextlib.suppress(OSError):
            answered.append(_get(uri, query, method=method)[0])

    done = world.log_in(lab.mcp_url, ways=_meanwhile(world, interfere))
    return [] if done else [f"the login is over, by {method} (status {answered})"]


def _serving_every_method(patch: pytest.MonkeyPatch) -> None:
    from mcp_vacuum.drivers.loopback import _Handler

    for name in ("POST", "HEAD", "PUT", "OPTIONS"):
        patch.setattr(_Handler, f"do_{name}", _Handler.do_GET, raising=False)


@attacks(
    "the page of the callback {}",
    {
        "repeats a script": "error_description=<script>alert(1)</script>",
        "goes on to another address": "next=https://attacker.example/",
    },
    source="RFC 9700 §4.11.1, §4.16, xorbitsai/xagent#298",
    defence=FIXED_PAGE,
    sees=NOTHING,
)
def test_page(world: World, query: str) -> Loot:
    lab = world.lab()
    loot: list[str] = []

    def interfere(_url: str, uri: str) -> None:
        _, headers, page = _get(uri, urlencode(dict([query.split("=", 1)])))
        if "<script" in page:
            loot.append("a script in the page")
        if "Location" in headers:
            loot.append(f"a redirect to {headers['Location']}")
        policy = headers.get("Content-Security-Policy", "")
        if not loot and (
            "default-src 'none'" not in policy or headers.get("Referrer-Policy") != "no-referrer"
        ):
            loot.append("a page without a policy")

    world.log_in(lab.mcp_url, ways=_meanwhile(world, interfere))
    return loot


@attack(
    "another machine answers the login",
    source="RFC 8252 §8.3, OAuth 2.1 §8.5.4",
    defence=in_the_test(
        "the listener is bound to a loopback address",
        "`drivers/loopback.py: _bind`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.loopback._Server.server_bind", _everywhere),
    ),
    sees=NOTHING,
)
def test_from_the_network(world: World) -> Loot:
    lab, mine = world.lab(), _own_address()
    reached: list[str] = []

    def interfere(_url: str, uri: str) -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((mine, urlsplit(uri).port or 0), timeout=2).close()
            reached.append(f"a connection from {mine}")

    world.log_in(lab.mcp_url, ways=_meanwhile(world, interfere))
    return reached


def _everywhere(server: object) -> None:
    server.server_address = ("0.0.0.0", server.server_address[1])  # type: ignore[attr-defined]
    import socketserver

    socketserver.TCPServer.server_bind(server)  # type: ignore[arg-type]


def _own_address() -> str:
    """An address of this machine that is not 127.0.0.1: all of 127/8 is ours, and one listener is on one."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.2"
    finally:
        probe.close()


@attack(
    "the callback is kept busy by connections that say nothing",
    source="OAuth 2.1 §8.5.4",
    defence=in_the_test(
        "each connection has a thread and a deadline",
        "`drivers/loopback.py: _Server`",
        lambda patch: patch.setattr(
            "mcp_vacuum.drivers.loopback._Server.process_request",
            lambda server, request, address: server.process_request_thread(request, address),
        ),
    ),
    sees=NOTHING,
)
def test_silent_connections(world: World) -> Loot:
    lab = world.lab()
    opened: list[socket.socket] = []

    def interfere(_url: str, uri: str) -> None:
        address = ("127.0.0.1", urlsplit(uri).port or 0)
        opened.extend(socket.create_connection(address, timeout=5) for _ in range(30))

    def ways(listener: LoopbackListener, timeout: float) -> Person:
        def opener(url: str) -> bool:
            interfere(url, listener.redirect_uri)
            with contextlib.suppress(OSError):
                world.user.visit(url)
            return True

        visit = BrowserVisit(listener, timeout=timeout, opener=opener)
        listener_close = listener.close

        def close() -> None:
            listener_close()
            for each in opened:
                each.close()

        listener.close = close  # type: ignore[method-assign]
        threading.Timer(1.2, _closed, (opened,)).start()
        return visit

    done = world.log_in(lab.mcp_url, ways=ways, timeout=1.0)
    return [] if done else ["nobody else got through"]


def _closed(opened: list[socket.socket]) -> None:
    for each in opened:
        each.close()


@attack(
    "an answer comes after the login has ended",
    source="RFC 9700 §4.2.4, RFC 8252 §8.3",
    defence=in_the_test(
        "the listener lives as long as the login",
        "`drivers/loopback.py: LoopbackListener.close`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.loopback.LoopbackListener.close", lambda _: None),
    ),
    sees=NOTHING,
)
def test_late_answer(world: World) -> Loot:
    lab = world.lab()
    uris: list[str] = []
    world.log_in(lab.mcp_url, ways=_meanwhile(world, lambda _, uri: uris.append(uri)))
    try:
        status, *_ = _get(uris[0], "code=x&state=y")
    except OSError:
        return []
    return [f"status {status} from a listener that nobody needs"]


@attack(
    "an answer is put in the queue before anybody was sent to the server",
    source="RFC 9700 §4.7.1",
    defence=in_the_test(
        "the listener takes nothing before it knows what to expect",
        "`drivers/loopback.py: LoopbackListener.expects`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.loopback.LoopbackListener.expects", lambda *_: True),
    ),
    sees=NOTHING,
)
def test_early_answer(world: World) -> Loot:
    lab = world.lab()
    taken: list[int] = []

    def ways(listener: LoopbackListener, timeout: float) -> Person:
        taken.append(_get(listener.redirect_uri, "code=early&state=y")[0])
        return BrowserVisit(listener, timeout=timeout, opener=lambda url: bool(world.user.visit(url)))

    world.log_in(lab.mcp_url, ways=ways)
    return [f"status {status}: it waits in the queue" for status in taken if status == 200]


@attacks(
    "a person is talked into pasting {}",
    {
        "a code alone": "attackers-code",
        "an address of another login": "http://127.0.0.1:1/callback?code=c&state=s",
        "an address without state": "{uri}?code=attackers-code",
    },
    source="RFC 9700 §4.7.1, §4.5",
    defence=STATE
    + in_the_test(
        "what is pasted is judged like what a browser brings",
        "`protocol/authorization.py: validate_callback`",
        lambda patch: patch.setattr("mcp_vacuum.protocol.flows.validate_callback", _taking_a_code),
    ),
    sees=Sees(LoginDeclined, says="none belongs to this login"),
)
def test_paste(world: World, pasted: str) -> Loot:
    from mcp_vacuum.drivers.paste import PasteVisit

    lab = world.lab()

    def ways(listener: LoopbackListener, _timeout: float) -> Person:
        text = pasted.format(uri=listener.redirect_uri)
        return PasteVisit(lambda _: None, lambda _: text)

    world.log_in(lab.mcp_url, ways=ways)
    return [f"{code} was redeemed" for code in _codes(lab)]


def _taking_a_code(_request: object, url: str) -> object:
    from mcp_vacuum.safety.secret import Secret

    found = re.search(r"code=([^&]*)", url)
    return Secret(found.group(1) if found else url)


@attack(
    "the program's own callback is a host that anybody can have",
    source="MCP authorization, Communication Security; RFC 9700 §2.6",
    defence=in_the_test(
        "redirect URIs are https, or http on loopback",
        "`login.py: CallersCallback`",
        lambda patch: patch.setattr("mcp_vacuum.login_client.check_redirect_uri", lambda uri: uri),
    ),
    sees=Sees(SecurityRefused, "Communication Security"),
)
def test_own_callback(world: World) -> Loot:
    """A drop-in takes the redirect URI of the program's own listener; a code came back over plain http."""
    evil = world.hostile()
    world.log_in(
        evil.url, redirect_uri="http://intranet.example:8080/callback", own_callback=True, timeout=0.3
    )
    return [f"a registration of {got.json['redirect_uris']}" for got in evil.to("/register")]
