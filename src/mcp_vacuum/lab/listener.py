"""A port of this machine that gives each connection a thread of its own, and leaves none open behind."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

PATIENCE = 10.0
"""Seconds that a connection may take for each step before it is known what it wants."""
_PIECE = 65536


class Listener:
    """Accepts connections on 127.0.0.1 from `with` to its end, which ends them all.

    Args:
        serve: What is done with a connection, in a thread of its own; it is closed afterwards.
        name: Of the thread that accepts.
    """

    def __init__(self, serve: Callable[[socket.socket], None], name: str) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = False
        self._accepting = threading.Thread(target=self._accept, name=name, daemon=True)
        self.met = 0
        """Connections that came, whatever became of them."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended = True
            left = list(self._open)
        for each in left:
            _end(each)
        with contextlib.suppress(OSError):  # wakes it: a close alone does not end an accept() everywhere
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._accepting.join(PATIENCE)
        self._listener.close()

    @contextlib.contextmanager
    def keeping(self, *sockets: socket.socket) -> Iterator[None]:
        """End these too, if the listener ends before they do."""
        with self._lock:
            self._open |= set(sockets)
            ended = self._ended
        if ended:
            for each in sockets:
                _end(each)
        try:
            yield
        finally:
            with self._lock:
                self._open -= set(sockets)

    def _accept(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                came, _ = self._listener.accept()
                self.met += not self._ended
                threading.Thread(target=self._take, args=(came,), daemon=True).start()
            if self._ended:
                return

    def _take(self, came: socket.socket) -> None:
        came.settimeout(PATIENCE)
        with contextlib.suppress(OSError, ValueError), came, self.keeping(came):
            self._serve(came)


def join(one: socket.socket, other: socket.socket) -> None:
    """Hand on what each side sends, until both have ended."""
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    for each in (source, target):
        _end(each)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
