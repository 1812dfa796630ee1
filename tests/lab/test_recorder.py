"""What the recorder keeps."""

import time

from mcp_vacuum.lab import Lab, Recorded, Recorder

from .plain import Plain, get


def request(path: str) -> Recorded:
    return Recorded(1.0, "mcp", "GET", path, {}, {}, {}, None)


class TestRecorder:
    def test_keeps_the_order_of_arrival_whatever_finishes_first(self) -> None:
        recorder = Recorder()
        first, second = recorder.begin(request("/a")), recorder.begin(request("/b"))
        recorder.finish(second, 200)
        recorder.finish(first, 404)

        assert [(r.path, r.status) for r in recorder.requests] == [("/a", 404), ("/b", 200)]

    def test_what_was_cleared_stays_cleared(self) -> None:
        recorder = Recorder()
        number = recorder.begin(request("/a"))
        recorder.clear()
        recorder.finish(number, 200)

        assert recorder.requests == ()

    def test_to_selects_by_the_end_of_the_path(self) -> None:
        recorder = Recorder()
        recorder.begin(request("/tenant/token"))
        recorder.begin(request("/token/x"))

        assert [r.path for r in recorder.to("/token")] == ["/tenant/token"]


class TestRecorded:
    def test_a_request_is_there_in_full(self, lab: Lab, plain: Plain) -> None:
        before = time.time()
        tokens = plain.login()
        plain.call(tokens["access_token"], "ping")
        authorize, token = lab.recorder.to("/authorize")[0], lab.recorder.to("/token")[0]
        mcp = lab.recorder.to("/mcp")[0]

        assert (authorize.server, authorize.method, authorize.status) == ("authorization", "GET", 200)
        assert authorize.query["state"] == ("xyz",)
        assert token.form["grant_type"] == ("authorization_code",)
        assert token.json is None
        assert (mcp.server, mcp.headers["authorization"]) == ("mcp", f"Bearer {tokens['access_token']}")
        assert mcp.json == {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}
        assert before <= authorize.at <= token.at <= mcp.at <= time.time()

    def test_a_repeated_parameter_keeps_all_values(self, lab: Lab) -> None:
        get(f"{lab.issuer}/nowhere?a=1&a=2&b=")

        assert lab.recorder.requests[0].query == {"a": ("1", "2"), "b": ("",)}
