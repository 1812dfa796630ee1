"""Frames, words, requests and errors on the agent's socket."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_vacuum import errors
from mcp_vacuum.agent import wire
from mcp_vacuum.agent.client import NotRunning
from mcp_vacuum.errors import AgentUnavailable, LoginRequired, OAuthError, StorageError, VacuumError
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.storage.lease import Busy

REQUESTS: list[wire.Request] = [
    wire.Find("work", "default"),
    wire.Logins(None, "default"),
    wire.Token("https://mcp.example/mcp", "second", 60.0),
    wire.Token("https://mcp.example/mcp", "second", 0.5, rejected=7),
    wire.Headers("https://mcp.example/mcp", "default", "POST", "https://mcp.example/mcp/x"),
    wire.Headers("s", "a", "GET", "u", nonce="n", refused=Secret("an access token")),
    wire.Adopt("s", "a", 3, Secret("an access token"), "Bearer", 3600, 1.5, 2.5, scope="a b"),
    wire.Forget("s", "a"),
    wire.Status(),
    wire.Lock(),
    wire.Unlock(),
    wire.Unlock(Secret("a key")),
    wire.Stop(),
]
CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, VacuumError)
]


class TestFrames:
    def test_the_head_tells_the_size_of_the_payload(self) -> None:
        framed = wire.frame(b"payload")

        assert framed == b"\0\0\0\x08\x01payload"
        assert wire.payload_size(framed[: wire.HEAD], most=7) == 7

    def test_a_frame_may_be_empty(self) -> None:
        assert wire.payload_size(wire.frame(b"")[: wire.HEAD], most=0) == 0

    @pytest.mark.parametrize(
        "head",
        [
            pytest.param(b"\0\0\0\x08\x02", id="another version"),
            pytest.param(b"\0\0\0\x09\x01", id="one byte too many"),
            pytest.param(b"\0\0\0\x00\x01", id="no room for the version"),
            pytest.param(b"\xff\xff\xff\xff\x01", id="four gigabytes"),
            pytest.param(b"GET /", id="a web browser"),
            pytest.param(b"\0\0\0\x08", id="cut off"),
            pytest.param(b"", id="empty"),
        ],
    )
    def test_another_head_is_refused(self, head: bytes) -> None:
        with pytest.raises(AgentUnavailable):
            wire.payload_size(head, most=7)

    @given(st.binary(max_size=8))
    def test_any_head_is_a_bounded_size_or_refused(self, head: bytes) -> None:
        try:
            size = wire.payload_size(head, wire.MOST_REQUEST)
        except AgentUnavailable:
            return

        assert 0 <= size <= wire.MOST_REQUEST


class TestWords:
    @given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1))
    def test_words_without_nul_come_back(self, texts: list[str]) -> None:
        assert wire.split_words(wire.words(*texts)) == texts

    def test_what_is_not_utf8_is_refused(self) -> None:
        with pytest.raises(AgentUnavailable, match="UTF-8"):
            wire.split_words(b"token\0\xff")


class TestRequests:
    def test_the_list_above_has_all_of_them(self) -> None:
        assert {type(request) for request in REQUESTS} == set(wire._REQUESTS.values())

    @pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
    def test_each_comes_back_as_it_was(self, request_: wire.Request) -> None:
        assert wire.decode_request(wire.encode_request(request_)) == request_

    def test_no_secret_is_shown(self) -> None:
        assert "an access token" not in repr(REQUESTS)

    def test_a_token_may_be_asked_for_in_words(self) -> None:
        asked = wire.decode_request(wire.words("token", "work", "default", "60"))

        assert asked == wire.Token("work", "default", 60.0)

    @pytest.mark.parametrize(
        "said",
        [
            ("token", "work", "default", "soon"),
            ("token", "work", "default", "nan"),
            ("token", "work", "default", "inf"),
            ("token", "work", "default", "1e999"),
            ("token", "work", "default", ""),
            ("token", "work", "default"),
            ("token", "work", "default", "60", "more"),
            ("headers", "work", "default", "60"),
            ("",),
        ],
        ids=repr,
    )
    def test_other_words_are_refused(self, said: tuple[str, ...]) -> None:
        with pytest.raises(AgentUnavailable):
            wire.decode_request(wire.words(*said))

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"op": "token"},
            {"op": "status", "more": 1},
            {"op": "nothing"},
            {"op": ["status"]},
            {"op": None},
            {"op": "token", "name": 1, "account": "a", "min_validity": 1, "rejected": None},
            {"op": "token", "name": "n", "account": None, "min_validity": 1, "rejected": None},
            {"op": "token", "name": "n", "account": "a", "min_validity": True, "rejected": None},
            {"op": "token", "name": "n", "account": "a", "min_validity": "1", "rejected": None},
            {"op": "token", "name": "n", "account": "a", "min_validity": float("nan"), "rejected": None},
            {"op": "token", "name": "n", "account": "a", "min_validity": 10**400, "rejected": None},
            {"op": "token", "name": "n", "account": "a", "min_validity": 1, "rejected": 1.5},
            {"op": "unlock", "key": {"a": 1}},
            pytest.param({"op": "unlock", "key": ""}, id="a secret that is empty"),
        ],
        ids=str,
    )
    def test_members_that_are_missing_too_many_or_of_another_type(self, members: dict[str, object]) -> None:
        with pytest.raises(AgentUnavailable):
            wire.decode_request(json.dumps(members).encode())

    @pytest.mark.parametrize(
        "payload",
        [b"{", b"{}{}", b'{"op":"status"', b'{"a":' * 50_000, b'{"op": ' + b"9" * 10_000 + b"}", b"{\xff}"],
        ids=lambda payload: repr(payload[:12]),
    )
    def test_what_is_no_json_object(self, payload: bytes) -> None:
        with pytest.raises(AgentUnavailable):
            wire.decode_request(payload)

    @given(st.binary(max_size=200) | st.builds(lambda tail: b"{" + tail, st.binary(max_size=200)))
    def test_any_bytes_are_a_request_or_refused(self, payload: bytes) -> None:
        try:
            request = wire.decode_request(payload)
        except AgentUnavailable:
            return

        assert type(request) in wire._REQUESTS.values()

    @given(
        st.dictionaries(
            st.sampled_from(["op", "name", "account", "server", "key", "min_validity", "rejected", "url"]),
            st.sampled_from(sorted(wire._REQUESTS))
            | st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=5)
            | st.lists(st.integers(), max_size=1),
        )
    )
    def test_any_members_are_a_request_or_refused(self, members: dict[str, object]) -> None:
        try:
            request = wire.decode_request(json.dumps(members).encode())
        except AgentUnavailable:
            return

        assert type(request) in wire._REQUESTS.values()


def made(kind: type[VacuumError]) -> VacuumError:
    """An error with a word in everything that its constructor takes."""
    taken = list(inspect.signature(kind.__init__).parameters)[1:]
    return kind(**{name: f"{name} of it" for name in taken})


class TestErrors:
    @pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
    def test_each_class_comes_back_with_what_it_was_made_of(self, kind: type[VacuumError]) -> None:
        error = made(kind)
        with pytest.raises(kind) as caught:
            wire.decode_reply(wire.encode_error(error))

        assert type(caught.value) is kind
        assert vars(caught.value) == vars(error)
        assert str(caught.value) == str(error)
        assert (caught.value.code, caught.value.exit_status) == (kind.code, kind.exit_status)

    def test_login_required_knows_its_server_reason_and_account(self) -> None:
        error = LoginRequired("https://mcp.example", "no login is stored", account="work")
        with pytest.raises(LoginRequired) as caught:
            wire.decode_reply(wire.encode_error(error))

        found = caught.value
        assert (found.server, found.reason, found.account) == (
            "https://mcp.example",
            "no login is stored",
            "work",
        )
        assert found.hint == "mcp-vacuum login https://mcp.example --account work"

    def test_an_oauth_error_knows_the_servers_word(self) -> None:
        with pytest.raises(OAuthError) as caught:
            wire.decode_reply(wire.encode_error(OAuthError("no", error="invalid_scope")))

        assert caught.value.error == "invalid_scope"

    @pytest.mark.parametrize(
        ("error", "kind"), [(NotRunning("x"), AgentUnavailable), (Busy("x"), StorageError)]
    )
    def test_a_class_from_elsewhere_comes_back_as_its_nearest_kin(
        self, error: VacuumError, kind: type[VacuumError]
    ) -> None:
        with pytest.raises(kind, match="x") as caught:
            wire.decode_reply(wire.encode_error(error))

        assert type(caught.value) is kind

    @pytest.mark.parametrize(
        "told",
        [
            {"class": "SystemExit", "message": "x"},
            {"class": "Exception", "message": "x"},
            {"class": "annotations", "message": "x"},
            {"class": "__builtins__", "message": "x"},
            {"class": "", "message": "x"},
            {"class": None, "message": "x"},
            {"class": ["VacuumError"], "message": "x"},
            {"class": "LoginRequired"},
            {"class": "LoginRequired", "message": ""},
            {"class": "LoginRequired", "message": 1},
            {},
        ],
        ids=str,
    )
    def test_another_class_is_not_made(self, told: dict[str, object]) -> None:
        with pytest.raises(AgentUnavailable, match="makes no sense"):
            wire.decode_reply(json.dumps({"error": told}).encode())

    @pytest.mark.parametrize(
        "name", ["__class__", "__dict__", "__cause__", "__traceback__", "args", "exit_status", "code"]
    )
    def test_what_a_class_defines_is_not_the_senders_to_say(self, name: str) -> None:
        told = {"class": "LoginRequired", "message": "x", name: "y"}
        with pytest.raises(LoginRequired) as caught:
            wire.decode_reply(json.dumps({"error": told}).encode())

        assert caught.value.exit_status == 3
        assert caught.value.code == "login_required"
        assert caught.value.args == ("x",)

    @given(
        st.binary(max_size=200)
        | st.dictionaries(
            st.sampled_from(["ok", "error"]),
            st.none()
            | st.text(max_size=3)
            | st.dictionaries(
                st.sampled_from(["class", "message", "hint", "__class__", "args", "with_traceback", ""]),
                st.sampled_from(sorted(kind.__name__ for kind in CLASSES)) | st.none() | st.text(max_size=3),
            ),
        ).map(lambda members: json.dumps(members).encode())
    )
    def test_any_bytes_are_an_answer_or_one_of_our_errors(self, payload: bytes) -> None:
        found: dict[str, Any] | VacuumError
        try:
            found = wire.decode_reply(payload)
        except VacuumError as error:
            found = error

        assert isinstance(found, dict) or (found.message and found.exit_status)

    def test_an_answer_comes_back(self) -> None:
        assert wire.decode_reply(wire.encode_reply({"a": [1, None]})) == {"a": [1, None]}
