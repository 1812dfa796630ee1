"""A port whose connections all end with it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mcp_vacuum.lab.listener import Listener, join


@contextmanager
def connected(listener: Listener) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", listener.port)) as client:
        client.settimeout(5)
        yield client


def echo(came: socket.socket) -> None:
    came.sendall(came.recv(10))


def test_each_connection_is_served_and_closed() -> None:
    with Listener(echo, "lab-echo") as listener:
        for word in (b"one", b"two"):
            with connected(listener) as client:
                client.sendall(word)
                assert client.recv(10) == word
                assert client.recv(10) == b""

    assert listener.met == 2


@pytest.mark.parametrize("error", [ConnectionResetError, ValueError])
def test_a_failure_ends_one_connection_only(error: type[Exception]) -> None:
    def serve(came: socket.socket) -> None:
        if came.recv(10) == b"bad":
            raise error
        came.sendall(b"good")

    with Listener(serve, "lab-picky") as listener:
        with connected(listener) as client:
            client.sendall(b"bad")
            assert client.recv(10) == b""
        with connected(listener) as client:
            client.sendall(b"fine")
            assert client.recv(10) == b"good"


@pytest.mark.parametrize("accepted", [True, False])
def test_its_end_ends_what_is_open(accepted: bool) -> None:
    serving = threading.Event()

    def serve(came: socket.socket) -> None:
        serving.set()
        came.recv(10)

    with Listener(serve, "lab-quiet") as listener:
        client = socket.create_connection(("127.0.0.1", listener.port))
        if accepted:
            assert serving.wait(5)
    with client:
        client.settimeout(5)
        assert client.recv(1) == b""

    assert not [each for each in threading.enumerate() if each.name == "lab-quiet"]


def test_what_is_kept_ends_with_it_and_at_once_if_it_has_ended() -> None:
    listener = Listener(echo, "lab-keeper")
    early, its_end = socket.socketpair()
    late, another = socket.socketpair()
    with early, its_end, late, another:
        its_end.settimeout(5)
        another.settimeout(5)
        with listener.keeping(early):
            with listener:
                pass
            assert its_end.recv(1) == b""
        with listener.keeping(late):
            assert another.recv(1) == b""


def test_what_is_let_go_stays_open() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with Listener(echo, "lab-keeper") as listener, listener.keeping(ours):
            pass
        theirs.settimeout(5)
        ours.sendall(b"still here")
        assert theirs.recv(20) == b"still here"


def test_both_ways_are_handed_on_until_one_side_ends() -> None:
    one, inside = socket.socketpair()
    other, outside = socket.socketpair()
    with one, inside, other, outside:
        joined = threading.Thread(target=join, args=(inside, outside))
        joined.start()
        one.sendall(b"there")
        assert other.recv(10) == b"there"
        other.sendall(b"and back")
        assert one.recv(10) == b"and back"
        other.close()
        assert one.recv(10) == b""
        joined.join(5)
        assert not joined.is_alive()
