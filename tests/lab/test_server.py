"""Sockets and threads: keep-alive, size limits, load."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from mcp_vacuum.lab import Lab, LabConfig, server
from mcp_vacuum.lab.server import LARGEST_BODY

from .plain import Plain, send


def connection(lab: Lab) -> HTTPConnection:
    parts = urlsplit(lab.issuer)
    return HTTPConnection(str(parts.hostname), parts.port, timeout=10)


def free(port: int) -> bool:
    """Whether a port and the next one can be bound.

    Those that the system picks itself will not do: the next one may be the
    lingering end of some client's connection.
    """
    try:
        with socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
            return True
    except OSError:
        return False


class TestConnections:
    def test_one_connection_carries_many_requests(self, lab: Lab) -> None:
        client = connection(lab)
        client.connect()
        kept = client.sock
        for _ in range(3):
            client.request("POST", "/register", b"{}", {"Content-Type": "application/json"})
            assert client.getresponse().read()
        same = client.sock is kept
        client.close()

        assert same

    def test_a_chunked_body_is_read(self, lab: Lab) -> None:
        client = connection(lab)
        document = [b'{"redirect_uris": ', b'["http://127.0.0.1/cb"]}']
        client.request(
            "POST", "/register", iter(document), {"Content-Type": "application/json"}, encode_chunked=True
        )
        status = client.getresponse().status
        client.close()

        assert status == 201

    def test_a_large_body_is_413(self, lab: Lab) -> None:
        client = connection(lab)
        client.putrequest("POST", "/register")
        client.putheader("Content-Length", str(LARGEST_BODY + 1))
        client.endheaders()
        status = client.getresponse().status
        client.close()

        assert status == 413

    def test_head_has_no_body(self, lab: Lab) -> None:
        assert send("HEAD", f"{lab.issuer}/nowhere").body == b""

    def test_a_request_that_breaks_the_lab_is_a_500(
        self, lab: Lab, capfd: pytest.CaptureFixture[str]
    ) -> None:
        lab.faults.slow_metadata = "not a number"  # type: ignore[assignment]
        answer = send("GET", f"{lab.issuer}/.well-known/oauth-authorization-server")

        assert answer.status == 500
        assert "TypeError" in capfd.readouterr().err


class TestLoad:
    def test_two_hundred_requests_at_once_are_all_answered(self, lab: Lab, plain: Plain) -> None:
        token = plain.login()["access_token"]
        ready = threading.Barrier(200)

        def one() -> int:
            ready.wait(30)
            return plain.call(token, "ping").status

        with ThreadPoolExecutor(200) as pool:
            statuses = [future.result() for future in [pool.submit(one) for _ in range(200)]]

        assert statuses == [200] * 200
        assert len(lab.recorder.to("/mcp")) == 200


class TestStopping:
    def test_leaves_no_thread_with_connections_open_and_requests_under_way(self) -> None:
        before = set(threading.enumerate())
        with Lab() as lab:
            idle = connection(lab)
            idle.request("GET", "/")
            idle.getresponse().read()
            lab.faults.slow_metadata = 1e6  # nobody may wait for that
            waiting = connection(lab)
            waiting.request("GET", "/.well-known/oauth-authorization-server")
            silent = socket.create_connection(("127.0.0.1", urlsplit(lab.mcp_url).port or 0))
            while len(lab.recorder.requests) < 2:
                time.sleep(0.01)
        for open_connection in (idle, waiting, silent):
            open_connection.close()

        assert set(threading.enumerate()) == before

    def test_frees_the_ports(self) -> None:
        with Lab() as lab:
            port = urlsplit(lab.mcp_url).port or 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)

    def test_a_chosen_port_can_be_used_again_at_once(self) -> None:
        port = next(filter(free, range(20_000, 30_000, 2)))
        for _ in range(2):
            with Lab(LabConfig(port=port)) as lab:
                assert lab.mcp_url == f"http://127.0.0.1:{port}/mcp"
                assert lab.issuer == f"http://127.0.0.1:{port + 1}"
                assert Plain(lab).login()["access_token"]

    def test_a_taken_port_is_an_error_that_leaves_nothing_open(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            lab = Lab(LabConfig(port=probe.getsockname()[1]))
            with pytest.raises(OSError, match="in use"):
                lab.start()


def test_a_body_can_drip_until_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DRIP", 0.01)
    with Lab() as lab:
        lab.faults.around = lambda request, app: replace(app(request), body=b"abc", delivery="drip")
        with urlopen(f"{lab.issuer}/jwks") as answer:
            assert answer.read() == b"abc"
