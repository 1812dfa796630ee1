"""An agent among clients that are slow, senseless, silent or many. Real processes and sockets."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest

from mcp_vacuum._version import __version__
from mcp_vacuum.agent import client, server, wire
from mcp_vacuum.errors import AgentUnavailable, LoginRequired
from mcp_vacuum.lab import Lab
from tests.agent.running import NEEDS_PROC, Home
from tests.helpers import refreshes, wait_for

pytestmark = [NEEDS_PROC, pytest.mark.long]


def received(connection: socket.socket) -> bytes:
    """One frame's payload."""
    head = connection.recv(wire.HEAD, socket.MSG_WAITALL)
    return connection.recv(wire.payload_size(head, wire.MOST_REPLY), socket.MSG_WAITALL)


def closed(connection: socket.socket) -> bool:
    """Wait until the other side has closed; False if it says something first."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


class TestConversation:
    def test_the_agent_speaks_first_and_says_whose_it_is(self, home: Home, url: str) -> None:
        home.start()
        with home.connect() as connection:
            assert wire.split_words(received(connection)) == [wire.NAME, home.place.digest, __version__]

    def test_one_connection_takes_many_requests_in_words_and_in_json(
        self, home: Home, lab: Lab, url: str
    ) -> None:
        home.start()
        in_words = wire.words("token", url, "default", "60")
        in_json = wire.encode_request(wire.Token(url, "default", 60.0))
        with home.connect() as connection:
            received(connection)
            for payload in (in_words, in_json, in_words):
                connection.sendall(wire.frame(payload))
                reply = received(connection)
                assert lab.issued_access_tokens[-1].encode() in reply

        assert len(refreshes(lab)) == 1

    def test_an_error_in_words_is_no_more_than_no(self, home: Home, url: str) -> None:
        home.start()
        with home.connect() as connection:
            received(connection)
            connection.sendall(wire.frame(wire.words("token", "https://other.example/", "default", "60")))
            assert received(connection) == b"no"

    def test_an_error_comes_typed(self, home: Home, url: str) -> None:
        home.start()
        with pytest.raises(LoginRequired) as caught:
            home.token("https://other.example/mcp")

        assert caught.value.server == "https://other.example/mcp"

    def test_a_request_that_hits_a_bug_is_answered_and_the_agent_lives(self, home: Home, url: str) -> None:
        pid = home.start()
        with pytest.raises(AgentUnavailable, match="unexpected UnicodeEncodeError"):
            home.token(url, "\ud800")

        assert home.agents() == [pid]
        assert "unexpected UnicodeEncodeError" in home.log()

    def test_status_tells_what_it_holds_without_a_token(self, home: Home, lab: Lab, url: str) -> None:
        pid = home.start()
        home.token(url)
        status = home.status()

        assert status is not None
        assert (status["pid"], status["home"], status["locked"]) == (pid, str(home.path), False)
        (held,) = status["holds"]
        assert (held["server"], held["account"]) == (url, "default")
        assert 0 < held["seconds_left"] <= 1800
        assert lab.issued_access_tokens[-1] not in json.dumps(status)


class TestSenselessClients:
    @pytest.mark.parametrize(
        "said",
        [
            pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="a web browser"),
            pytest.param(b"\xff\xff\xff\xff\x01", id="four gigabytes"),
            pytest.param((wire.MOST_REQUEST + 2).to_bytes(4, "big") + b"\x01", id="one byte too many"),
            pytest.param(b"\0\0\0\x02\x02x", id="another version"),
            pytest.param(b"\0\0\0\0\x01", id="no payload"),
            pytest.param(wire.frame(b"\xff\xfe"), id="no words"),
            pytest.param(wire.frame(b"{" * 60_000), id="deep"),
            pytest.param(wire.frame(b'{"op": "unlock", "key": ""}'), id="an empty secret"),
            pytest.param(wire.frame(b'{"op": "token"}'), id="members missing"),
        ],
    )
    def test_the_connection_is_closed_and_others_are_served(self, home: Home, url: str, said: bytes) -> None:
        pid = home.start()
        with home.connect() as connection:
            received(connection)
            connection.sendall(said)
            assert closed(connection)

        assert home.token(url)["token_type"] == "Bearer"
        assert home.agents() == [pid]

    def test_half_a_frame_and_gone(self, home: Home, url: str) -> None:
        pid = home.start()
        whole = wire.frame(wire.words("token", url, "default", "60"))
        for cut in (1, 4, 5, 6, len(whole) - 1):
            with home.connect() as connection:
                connection.sendall(whole[:cut])
        with home.connect() as connection:
            connection.sendall(whole)  # and not waiting for the answer

        assert home.token(url)["token_type"] == "Bearer"
        assert home.agents() == [pid]

    def test_a_request_that_does_not_come_to_its_end_is_given_up(self, home: Home, url: str) -> None:
        home.start()
        with home.connect() as connection:
            received(connection)
            connection.sendall(wire.frame(b"token")[:-1])
            assert home.token(url)["token_type"] == "Bearer"
            assert closed(connection)

    def test_a_request_in_single_bytes_is_one(self, home: Home, url: str) -> None:
        home.start()
        with home.connect() as connection:
            received(connection)
            for byte in wire.frame(wire.encode_request(wire.Status())):
                connection.sendall(bytes([byte]))
            assert wire.decode_reply(received(connection))["locked"] is False


class TestSilentClients:
    def test_hundreds_of_them_keep_nobody_waiting(self, home: Home, url: str) -> None:
        """Who has been silent for longest makes room."""
        pid = home.start()
        with ExitStack() as crowd:
            silent = [crowd.enter_context(home.connect()) for _ in range(300)]
            for connection in silent:
                connection.settimeout(20)
            assert home.token(url)["token_type"] == "Bearer"
            last = silent[-1]
            received(last)
            last.sendall(wire.frame(wire.encode_request(wire.Status())))
            assert wire.decode_reply(received(last))["pid"] == pid
            received(silent[0])
            assert closed(silent[0])

        assert home.agents() == [pid]

    def test_the_room_is_free_again_when_they_are_gone(self, home: Home, url: str) -> None:
        home.start()
        with ExitStack() as crowd:
            for _ in range(server.MOST_CLIENTS):
                crowd.enter_context(home.connect())
            home.token(url)
        with ExitStack() as crowd:
            kept = [crowd.enter_context(home.connect()) for _ in range(server.MOST_CLIENTS // 2)]
            for connection in kept:
                received(connection)
            wait_for(lambda: home.status(), "an answer among the kept")
            for connection in kept:
                connection.sendall(wire.frame(wire.encode_request(wire.Status())))
                assert received(connection)


def test_a_request_is_answered_while_another_one_waits_for_a_slow_server(
    home: Home, lab: Lab, url: str
) -> None:
    home.start()
    lab.faults.token_delay = 3.0
    with home.connect() as slow:
        received(slow)
        slow.sendall(wire.frame(wire.encode_request(wire.Token(url, "default", 60.0))))
        wait_for(lambda: refreshes(lab), "the refresh under way")
        status = home.status()
        assert status is not None
        assert status["holds"] == []
        assert client.ask(home.path, wire.Find(url, "default"))["server"] == url
        assert wire.decode_reply(received(slow))["access_token"] == lab.issued_access_tokens[-1]
