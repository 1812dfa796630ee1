"""Documents: they are endless, slow, huge when opened, or not what they say."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

from mcp_vacuum.errors import AnswerLost, AuthenticationError, DiscoveryError, ServerUnavailable, VacuumError
from tests.attacks.hostile import METADATA, PRM, Reply
from tests.attacks.kit import NOTHING, Loot, Sees, attack, attacks, defence, in_the_test
from tests.attacks.world import World

MEGABYTE = 1024 * 1024
SIZE = defence(
    "an answer ends at its limit",
    {"drivers.transport._Body.add": lambda body, chunk: body._chunks.append(chunk)},
)
DEADLINE = defence(
    "each step of an exchange ends at its deadline",
    {"drivers.transport._DeadlineStream._left": lambda *_: 30.0},
)
SHAPE = defence(
    "depth and count are bounded before anything is built", {"safety.limits._check_shape": lambda _: None}
)
TYPES = defence(
    "every member has its type",
    {"protocol.documents.validate": lambda model, members: model.model_construct(**members)},
)
ERRORS = defence("whatever breaks is an error of this package", {"drivers.transport._FAILED": ()})


def _endless() -> Iterator[bytes]:
    for _ in range(24):
        yield b" " * MEGABYTE


@attacks(
    "{} has no end",
    {
        "resource metadata": f"{PRM}*",
        "server metadata": f"{METADATA}*",
        "a registration answer": "/register",
        "a token answer": "/token",
    },
    source="CL-DISC-08, MCP security best practices; OAuth 2.1 §7.11",
    defence=SIZE,
    sees=Sees(AnswerLost, says="more than 1048576 bytes"),
)
def test_endless(world: World, path: str) -> Loot:
    evil = world.hostile()
    evil.answers[path] = lambda _: Reply(200, _endless(), (("Content-Type", "application/json"),))
    world.log_in(evil.url)
    return [f"{evil.sent // MEGABYTE} MiB were taken"] if evil.sent > 12 * MEGABYTE else []


@attack(
    "the first answer has no end",
    source="CL-DISC-08",
    defence=in_the_test(
        "only the head of the first answer is read",
        "`protocol/discovery.py: _probe_request`",
        lambda patch: patch.setattr("mcp_vacuum.protocol.discovery._probe_request", _whole),
    )
    + SIZE,
    sees=Sees(AuthenticationError),
)
def test_endless_probe(world: World) -> Loot:
    evil = world.hostile()
    evil.answers |= {"/mcp": lambda _: Reply(200, _endless()), "/.well-known/*": Reply(404)}
    world.log_in(evil.url)
    return [f"{evil.sent // MEGABYTE} MiB were taken"] if evil.sent > 12 * MEGABYTE else []


def _whole(method: str, url: Any, _timeout: float) -> Any:
    from mcp_vacuum.protocol.effects import HttpRequest

    return HttpRequest(method, url)


def _drops(fallen: list[int]) -> Iterator[bytes]:
    for number in range(12):
        time.sleep(0.08)
        fallen.append(number)
        yield b" "


@attacks(
    "{} comes byte by byte",
    {"metadata": f"{METADATA}*", "a token answer": "/token"},
    source="CL-DISC-08",
    defence=DEADLINE,
    sees=Sees(ServerUnavailable, says="did not answer within"),
)
def test_slow(world: World, path: str) -> Loot:
    """Each read is quick: only a deadline for the whole ends it."""
    from mcp_vacuum.protocol import client_auth, discovery

    world.patch.setattr(discovery, "METADATA_TIMEOUT", 0.3)
    world.patch.setattr(client_auth, "TOKEN_TIMEOUT", 0.3)
    evil, fallen = world.hostile(), list[int]()
    evil.answers[path] = lambda _: Reply(200, _drops(fallen))
    world.log_in(evil.url)
    return ["the client waited to the end"] if len(fallen) == 12 else []


@attack(
    "each of many documents is just in time",
    source="CL-DISC-08, DESIGN section 10",
    defence=defence(
        "one discovery has one deadline", {"protocol.discovery.Patience.for_one": lambda *_: 5.0}
    ),
    sees=Sees(ServerUnavailable),
)
def test_slow_in_turns(world: World) -> Loot:
    """Redirects and well-known URLs, each answered slowly: none alone is too late."""
    world.patch.setattr("mcp_vacuum.protocol.discovery.Patience.__init__", _half_a_second)
    evil = world.hostile()

    def slowly(_got: object) -> Reply:
        time.sleep(0.2)
        return Reply.to(f"{METADATA}/again{len(evil.got)}") if len(evil.got) % 4 else Reply(404)

    evil.resource_metadata["authorization_servers"] = [f"{evil.origin}/tenant"]
    evil.answers |= {
        f"{METADATA}*": slowly,
        "/.well-known/openid-configuration*": slowly,
        "/tenant/*": slowly,
    }
    world.log_in(evil.url)
    slow = [got for got in evil.got if "again" in got.path or "openid" in got.path]
    return [f"{len(slow)} slow requests"] if len(slow) > 4 else []


def _half_a_second(patience: Any, left: float = 0.5) -> None:
    patience.left = left


@attack(
    "a resolver never answers",
    source="CL-DISC-08, MCP security best practices, DNS Resolution Considerations",
    defence=defence(
        "resolving has a deadline",
        {"drivers.transport._resolved": lambda host, port, _: _resolve(host, port)},
    ),
    sees=Sees(ServerUnavailable, says="did not answer within"),
)
def test_slow_resolver(world: World) -> Loot:
    """The name belongs to the attacker, and so does its name server."""
    import threading

    net, gone = world.internet(), threading.Event()
    evil = net.server("mcp.attacker.example")
    evil.resource_metadata["authorization_servers"] = ["https://tarpit.attacker.example"]
    world.patch.setattr("mcp_vacuum.protocol.discovery.METADATA_TIMEOUT", 0.4)
    answered: list[str] = []
    real = net._getaddrinfo

    def tarpit(host: Any, *args: Any, **options: Any) -> Any:
        if host == "tarpit.attacker.example" and not options.get("flags"):
            gone.wait(1.5)
            answered.append(host)
        return real(host, *args, **options)

    world.patch.setattr("socket.getaddrinfo", tarpit)
    world.log_in(evil.url)
    waited = bool(answered)
    gone.set()
    return ["the client waited for as long as the resolver liked"] if waited else []


def _resolve(host: str, port: int) -> Any:
    import socket

    import httpcore2

    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError("no such name") from error


@attacks(
    "{} unpacks to a thousand times its size",
    {"metadata": f"{METADATA}*", "a token answer": "/token"},
    source="CL-DISC-08 (compression bomb)",
    defence=in_the_test(
        "no content coding is asked for or taken",
        "`drivers/transport.py: _Body._check_coding`",
        lambda patch: patch.setattr("mcp_vacuum.drivers.transport._Body.finish", _unpacked),
    )
    + defence("no other coding", {"drivers.transport._Body._check_coding": lambda _: None}),
    sees=Sees(AnswerLost, says="content coding"),
)
def test_bomb(world: World, path: str) -> Loot:
    evil = world.hostile()
    _sizes.clear()
    packed = gzip.compress(b" " * (16 * MEGABYTE))
    evil.answers[path] = Reply(200, packed, (("Content-Encoding", "gzip"),))
    world.log_in(evil.url)
    return [f"{size // MEGABYTE} MiB from {len(packed)} bytes" for size in _sizes if size > MEGABYTE]


_sizes: list[int] = []


def _unpacked(body: Any) -> Any:
    """Careless: as an HTTP client does that offers gzip."""
    from mcp_vacuum.protocol.effects import HttpResponse

    content = b"".join(body._chunks)
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
        _sizes.append(len(content))
    headers = tuple((k.decode().lower(), v.decode()) for k, v in body._response.headers)
    return HttpResponse(body._request.url, body._response.status, headers, content, time.time())


@attacks(
    "metadata is {}",
    {
        "900 levels deep": '"x": ' + "[" * 900 + "]" * 900,
        "100000 values long": '"x": [' + "0," * 100_000 + "0]",
    },
    source="CL-DISC-08, RFC 8259 §9",
    defence=SHAPE,
    sees=Sees(DiscoveryError, "RFC 8414"),
)
def test_shape(world: World, member: str) -> Loot:
    evil = world.hostile()
    text = "{" + member + ", " + json.dumps(evil.document)[1:]
    evil.answers["/.well-known/oauth-authorization-server"] = Reply.document(text)
    evil.answers["/.well-known/openid-configuration"] = Reply(404)
    world.log_in(evil.url)
    return ["the document was taken" for _ in evil.to("/register")]


@attacks(
    "a document that two parsers read differently: {}",
    {
        "NaN": '"x": NaN',
        "infinity": '"x": -Infinity',
        "the same key twice": '"token_endpoint": "https://a.example", "token_endpoint": "https://b.example"',
        "the same key, once escaped": '"token_endpoint": "https://a.example", "token_\\u0065ndpoint": "https://b.example"',
    },
    source="RFC 8259 §4, §6, §9",
    defence=defence(
        "what is not exactly JSON is no document",
        {"safety.limits._unique": dict, "safety.limits._no_constant": float},
    ),
    sees=Sees(DiscoveryError, "RFC 8414"),
)
def test_two_readings(world: World, member: str) -> Loot:
    evil = world.hostile()
    text = "{" + member + ", " + json.dumps(evil.document)[1:]
    evil.answers["/.well-known/oauth-authorization-server"] = Reply.document(text)
    evil.answers["/.well-known/openid-configuration"] = Reply(404)
    world.log_in(evil.url)
    return ["the document was taken" for _ in evil.to("/register")]


def _crash(world: World) -> list[str]:
    """An error that is not ours is a crash: something else than the rules decided what happens next."""
    broken = world.error is not None and not isinstance(world.error, VacuumError)
    return [f"the program crashes: {type(world.error).__name__}"] if broken else []


@attacks(
    "metadata of the wrong type: {}",
    {
        "a number as issuer": {"issuer": 7},
        "an object as token_endpoint": {"token_endpoint": {"url": "x"}},
        "a number as registration_endpoint": {"registration_endpoint": 1},
        "a list as authorization_endpoint": {"authorization_endpoint": [1]},
        "a number as PKCE methods": {"code_challenge_methods_supported": 256},
        "a number as auth methods": {"token_endpoint_auth_methods_supported": 3},
    },
    source="RFC 8414 §2, OAuth 2.1 §7.11",
    defence=TYPES,
    sees=Sees(DiscoveryError, "RFC 8414"),
)
def test_types(world: World, members: dict[str, object]) -> Loot:
    evil = world.hostile(metadata=members)
    world.log_in(evil.url)
    return _crash(world)


@attacks(
    "an answer of the wrong type: {}",
    {
        "a list as access_token": ("/token", {"access_token": ["x"], "token_type": "Bearer"}),
        "an object as expires_in": (
            "/token",
            {"access_token": "x", "token_type": "Bearer", "expires_in": {}},
        ),
        "a list as token_type": ("/token", {"access_token": "x", "token_type": ["Bearer"]}),
        "a list as client_id": ("/register", {"client_id": ["x"]}),
        "a number as redirect_uris": ("/register", {"client_id": "x", "redirect_uris": 5}),
    },
    source="RFC 6749 §5.1, RFC 7591 §3.2.1",
    defence=TYPES,
    sees=Sees(AuthenticationError),
)
def test_answers(world: World, answer: tuple[str, object]) -> Loot:
    path, document = answer
    evil = world.hostile(answers={path: Reply.document(json.dumps(document))})
    world.log_in(evil.url)
    return _crash(world)


@attacks(
    "expires_in is a number of {} digits",
    {"400": 400, "300": 300},
    source="RFC 6749 §5.1",
    defence=defence("a lifetime is at most 68 years", {"protocol.token._LONGEST_LIFETIME": 10**500}),
    sees=NOTHING,
)
def test_lifetime(world: World, digits: int) -> Loot:
    evil = world.hostile()
    number = "1" + "0" * digits
    evil.answers["/token"] = Reply.document(
        f'{{"access_token": "x", "token_type": "Bearer", "expires_in": {number}}}'
    )
    result = world.log_in(evil.url)
    if result and result.token and result.token.expires_in > 2**40:
        return ["a token that never ends"]
    return _crash(world)


@attacks(
    "the answer is {}",
    {
        "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
        "a header of a megabyte": b"HTTP/1.1 200 OK\r\nX: " + b"a" * MEGABYTE + b"\r\n\r\n{}",
        "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
        "half of what it announces": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        "a header with a line break in it": b"HTTP/1.1 200 OK\r\nX: a\r\n b\rc\r\n\r\n{}",
        "nothing": b"",
    },
    source="RFC 9112 §6, §11 (response splitting, smuggling)",
    defence=ERRORS,
    sees=Sees(ServerUnavailable),
)
def test_no_http(world: World, raw: bytes) -> Loot:
    evil = world.hostile(answers={f"{METADATA}*": Reply(raw=raw)})
    world.log_in(evil.url)
    return _crash(world)


@attack(
    "the metadata is HTML with JSON in it",
    source="RFC 8414 §3.2",
    defence=defence(
        "a document is an object, or none", {"safety.limits.load_document": lambda body: _found_in(body)}
    ),
    sees=Sees(DiscoveryError, "RFC 8414"),
)
def test_html(world: World) -> Loot:
    """A page that everybody may write to, at a well-known URL."""
    evil = world.hostile()
    page = f"<!doctype html><p>{json.dumps(evil.document)}</p>"
    evil.answers["/.well-known/oauth-authorization-server"] = Reply(
        200, page, (("Content-Type", "text/html"),)
    )
    evil.answers["/.well-known/openid-configuration"] = Reply(404)
    world.log_in(evil.url)
    return ["the document was taken" for _ in evil.to("/register")]


def _found_in(body: bytes) -> Any:
    """Careless: from the first brace on."""
    text = body.decode()
    return json.JSONDecoder().raw_decode(text[text.index("{") :])[0]
