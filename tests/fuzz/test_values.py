"""URLs, addresses, keys and records: any text, any bytes."""

from __future__ import annotations

import ipaddress
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from hypothesis import example, given
from hypothesis import strategies as st

from mcp_vacuum.cli.ui import harmless
from mcp_vacuum.errors import StorageError, VacuumError, WrongAudience
from mcp_vacuum.models import Credential
from mcp_vacuum.protocol.assertion import unverified_claims
from mcp_vacuum.protocol.dpop import ProofKey
from mcp_vacuum.safety.address import Reach, reach_of, reach_of_address, reach_of_name
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import authorization_url, check_endpoint, normalise_server_url, printable
from mcp_vacuum.storage.base import RecordKey, SealedRecord
from mcp_vacuum.storage.cipher import Cipher, new_key
from mcp_vacuum.storage.envelope import (
    client_from_dict,
    credential_from_dict,
    credential_to_dict,
    open_sealed,
    seal,
)
from mcp_vacuum.storage.key_source import checked_key
from mcp_vacuum.tokens.bind import Audience
from tests.fuzz.kit import JSON, URLS, bounded

CIPHER = Cipher(new_key())
KEY = RecordKey("login", "https://mcp.example/mcp", "default")
_URL_PARTS = st.sampled_from(
    (
        "https://",
        "http://",
        "127.0.0.1",
        "mcp.example",
        "/",
        "mcp",
        "..",
        "%2e",
        "%2f",
        "\\",
        "@",
        ":",
        "[",
        "]",
        "::1",
        "?",
        "#",
        ";",
        "%",
        "\u2024",
        "\u3002",
        "x",
    )
)
ANY_URL = URLS | st.lists(_URL_PARTS, max_size=10).map("".join)


@given(ANY_URL)
@example("https://[::ffff:10.0.0.1%25eth0]/")
@example("https://a.example:0443/")
@example("https://\ufe33@x/")
@example("https://[fe80::1%25]/")
def test_endpoints(url: str) -> None:
    with bounded(), suppress(VacuumError):
        checked = check_endpoint(url, "endpoint")
        assert checked == url
        parts = urlsplit(checked)
        assert parts.hostname
        assert parts.username is None
        assert url.isascii()
        opened = authorization_url(checked, [("state", "s")])
        assert opened.startswith(("https://", "http://"))
        assert not set(opened) & set(" \"'<>`\\^{|}\r\n\t$;()")
        assert urlsplit(opened).hostname == parts.hostname


@given(ANY_URL | st.text(max_size=60))
def test_server_urls(text: str) -> None:
    with bounded(), suppress(VacuumError):
        url = normalise_server_url(text)
        assert normalise_server_url(url) == url


@given(ANY_URL, st.sampled_from(("https://mcp.example/mcp", "https://mcp.example", "http://127.0.0.1/mcp/")))
@example("https://mcp.example/mcp/..;/x", "https://mcp.example/mcp")
@example("https://mcp.example\\@x/mcp", "https://mcp.example/mcp")
@example("https://mcp.example:443/mcp", "https://mcp.example/mcp")
def test_audiences(url: str, resource: str) -> None:
    """What may carry a token is on the resource's own host, under its own path."""
    with bounded(), suppress(WrongAudience):
        Audience(resource).check(url)
        assert urlsplit(url).hostname == urlsplit(resource).hostname
        assert urlsplit(url).path.startswith(urlsplit(resource).path.rstrip("/"))
        assert ".." not in urlsplit(url).path


@given(st.text(max_size=60) | st.ip_addresses().map(str))
@example("::ffff:127.0.0.1")
@example("64:ff9b:1:a00:0:5:808:808")
@example("fe80::1%eth0")
def test_addresses(text: str) -> None:
    with bounded():
        assert reach_of_name(text) in Reach
        with suppress(ValueError):
            reach = reach_of_address(text)
            assert reach_of("x", [text]) is reach
            plain = ipaddress.ip_address(text.partition("%")[0])
            assert reach is not Reach.PUBLIC or not (plain.is_loopback or plain.is_link_local)


@given(st.text(max_size=400))
@example("\x1b[31m\x9b\u202e\u2066\u200f")
@example("\x1b[1;31m\x1b[0")
def test_words(text: str) -> None:
    """Whatever is printed, a terminal sees our own styles at most."""
    with bounded():
        assert printable(text).isprintable()
        seen = harmless(text)
    for style in ("\x1b[32m", "\x1b[1;31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m", "\n", "\t"):
        seen = seen.replace(style, "")
    assert seen.isprintable()


@given(st.binary(max_size=120))
@example(b"mcpv1:")
@example(b"mcpv2:x")
def test_sealed_noise(blob: bytes) -> None:
    with bounded(), suppress(StorageError):
        open_sealed(SealedRecord(blob), KEY, 1, CIPHER)
        raise AssertionError("noise was opened")


@given(
    JSON
    | st.fixed_dictionaries(
        {
            "v": JSON,
            "kind": st.just("login"),
            "name": st.just(KEY.name),
            "account": st.just("default"),
            "generation": st.just(1),
            "body": JSON,
        }
    )
)
@example({"v": 0, "kind": "login", "name": KEY.name, "account": "default", "generation": 1, "body": {}})
@example({"v": -1, "kind": "login", "name": KEY.name, "account": "default", "generation": 1, "body": {}})
@example({"v": True, "kind": "login", "name": KEY.name, "account": "default", "generation": 1, "body": {}})
def test_opened_envelopes(envelope: Any) -> None:
    """The right key, and something that no version of this package wrote."""
    blob = SealedRecord(b"mcpv1:" + CIPHER.encrypt(json.dumps(envelope).encode()))
    with bounded(), suppress(StorageError):
        assert isinstance(open_sealed(blob, KEY, 1, CIPHER), dict)


def test_a_deeply_nested_envelope_is_damage() -> None:
    blob = SealedRecord(b"mcpv1:" + CIPHER.encrypt(b"[" * 100_000))
    with suppress(StorageError):
        open_sealed(blob, KEY, 1, CIPHER)


_FIELDS = st.sampled_from(tuple(credential_to_dict(Credential(server="s"))))


@given(st.dictionaries(_FIELDS, JSON, max_size=8))
@example({"server": "s", "refresh_token": 5})
@example({"server": "s", "refresh_token": ""})
@example({"server": "s", "client": {"client_id": "c", "redirect_uris": 5}})
@example({"server": "s", "journal": []})
def test_record_bodies(changed: dict[str, Any]) -> None:
    body = {**credential_to_dict(Credential(server="s")), **changed}
    with bounded():
        with suppress(ValueError):
            credential_from_dict(body)
        with suppress(ValueError):
            client_from_dict(body)


@given(st.sampled_from(("server", "scope")), st.text(max_size=30))
def test_a_sealed_record_comes_back(name: str, text: str) -> None:
    body = {**credential_to_dict(Credential(server="s")), name: text}
    with suppress(UnicodeEncodeError):
        opened = open_sealed(seal(body, KEY, 1, CIPHER), KEY, 1, CIPHER)
        assert credential_from_dict(opened) == credential_from_dict(body)


@given(st.text(min_size=1, max_size=80) | JSON.map(json.dumps))
@example('{"kty": "EC", "crv": "P-256", "x": "", "y": "", "d": "", "alg": "ES256"}')
@example('{"kty": "OKP", "d": "AA", "alg": "EdDSA"}')
@example("{}")
@example("[]")
def test_keys(text: str) -> None:
    with bounded():
        with suppress(ValueError):
            ProofKey.from_secret(Secret(text))
        with suppress(VacuumError):
            checked_key(text, "a key")


@given(
    st.text(min_size=1, max_size=80) | st.binary(min_size=3, max_size=60).map(lambda raw: f"a.{raw.hex()}.c")
)
@example("a.e30.c")
@example(f"a.{'W1tb' * 30_000}.c")
@example("..")
@example("a.W10.c")
def test_tokens_of_others(text: str) -> None:
    """The claims of a JWT that somebody else signed, for a message."""
    with bounded():
        claims = unverified_claims(Secret(text))
    assert claims is None or isinstance(claims, dict)
