"""HTTP plumbing: sockets, threads, recording. Knows no OAuth."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from mcp_vacuum.lab.messages import App, Request, Response, not_here, read_request, text_response
from mcp_vacuum.lab.recorder import Recorded, Recorder, ServerName

LARGEST_BODY = 1 << 20
"""Bytes of a request body; more is answered by 413."""
DRIP = 0.2
"""Seconds after each byte of a body that drips."""
_RESET = struct.pack("ii", 1, 0)


class LabServer(ThreadingHTTPServer):
    """One origin on 127.0.0.1: a thread for accepting and one for each connection.

    The port is bound when constructed and served from `start` to `stop`.

    Raises:
        OSError: The port is taken.
    """

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, name: ServerName, recorder: Recorder, port: int = 0) -> None:
        self.name: ServerName = name
        self.recorder = recorder
        self.app: App = lambda _: not_here()
        self.stopping = False
        self._lock = threading.Lock()  # guards _open
        self._open: dict[Any, threading.Thread] = {}
        self._accepting = threading.Thread(target=self._accept, name=f"lab-{name}", daemon=True)
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash."""
        return f"http://127.0.0.1:{self.server_port}"

    def start(self, app: App) -> None:
        """Begin to answer with `app`."""
        self.app = app
        self._accepting.start()

    def stop(self) -> None:
        """Close every connection and wait, up to 5 s each, for every thread."""
        self.stopping = True
        if self._accepting.is_alive():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.server_port), 1).close()
            self._accepting.join(5)
        self.server_close()
        for connection, thread in self._connections():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def server_bind(self) -> None:
        """Bind without asking the resolver for a host name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take no connection once stopping: the last one only wakes the accepting thread."""
        return not self.stopping

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection its thread, and remember both for `stop`."""
        work = threading.Thread(
            target=self._converse,
            args=(request, client_address),
            name=f"lab-{self.name}-connection",
            daemon=True,
        )
        with self._lock:
            self._open[request] = work
        work.start()

    def _converse(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        """Close without shutdown(), which would turn a wanted reset into a polite goodbye."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print a traceback, unless a client merely hung up."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()

    def _accept(self) -> None:
        while not self.stopping:
            self.handle_request()

    def _connections(self) -> list[tuple[Any, threading.Thread]]:
        with self._lock:
            return list(self._open.items())


class _Handler(BaseHTTPRequestHandler):
    server: LabServer
    server_version = "lab"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its parent's name)
        """Say nothing: the recorder has it all."""

    def serve(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(text_response(413))
            return
        headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
        request = read_request(self.command, self.path, headers, body)
        number = self.server.recorder.begin(self._recorded(request))
        response = self._answer(request)
        self.server.recorder.finish(number, 0 if response.delivery == "reset" else response.status)
        self._send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = serve  # noqa: N815

    def _recorded(self, request: Request) -> Recorded:
        return Recorded(
            at=time.time(),
            server=self.server.name,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            form=request.form,
            json=request.json,
        )

    def _answer(self, request: Request) -> Response:
        try:
            return self.server.app(request)
        except Exception:  # noqa: BLE001  (a bug of the lab must not look like a lost connection)
            traceback.print_exc()
            return text_response(500, "the lab itself is broken, see its standard error")

    def _body(self) -> bytes | None:
        """The request's body, None if it is too large."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return None
        return self.rfile.read(int(length))

    def _chunked_body(self) -> bytes | None:
        body = b""
        while size := _chunk_size(self.rfile.readline(64)):
            if len(body) + size > LARGEST_BODY:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(4)
        while self.rfile.readline(1024).strip():  # trailers
            pass
        return body

    def _send(self, response: Response) -> None:
        if response.delivery == "reset":
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        for _ in range(2 if response.delivery == "twice" else 1):
            self._send_once(response)

    def _send_once(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.status != 204:  # RFC 9110 §8.6
            self.send_header("Content-Length", str(len(response.body) + response.length_off))
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(response)

    def _send_body(self, response: Response) -> None:
        if response.delivery == "drip":
            self._drip(response.body)
            return
        half = response.delivery == "half"
        self.wfile.write(response.body[: len(response.body) // 2] if half else response.body)
        self.close_connection = self.close_connection or half or response.length_off != 0

    def _drip(self, body: bytes) -> None:
        for place in range(len(body)):
            if self.server.stopping:
                return
            self.wfile.write(body[place : place + 1])
            self.wfile.flush()
            time.sleep(DRIP)


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError:
        return LARGEST_BODY + 1
