"""Where a workload finds its token; the GitHub Actions endpoint is one of our own, on loopback."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_vacuum.drivers import workload
from mcp_vacuum.drivers.workload import check_source, read_token
from mcp_vacuum.errors import AuthenticationError, ServerUnavailable, UsageError, VacuumError

AUDIENCE = "https://as.example"


def read(source: str) -> str:
    return read_token(source, audience=AUDIENCE).reveal()


def refused(source: str) -> VacuumError:
    with pytest.raises(VacuumError) as caught:
        read(source)
    return caught.value


class TestSource:
    @pytest.mark.parametrize(
        "source", ["file:/a", "env:A", "command:a b", "kubernetes", "kubernetes:/a", "github-actions"]
    )
    def test_the_kinds(self, source: str) -> None:
        assert check_source(source) == source

    @pytest.mark.parametrize(
        "source", ["", "file", "file:", "env:", "command: ", "github-actions:x", "eyJhbGciOi.J9", "File:/a"]
    )
    def test_anything_else_is_a_usage_error_that_lists_them(self, source: str) -> None:
        error = refused(source)

        assert isinstance(error, UsageError)
        assert "github-actions" in (error.hint or "")


class TestFile:
    @pytest.mark.parametrize("kind", ["file", "kubernetes"])
    def test_it_is_read_anew_each_time(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "token"
        path.write_text("first\n")
        before = read(f"{kind}:{path}")
        path.write_text(" second ")

        assert (before, read(f"{kind}:{path}")) == ("first", "second")

    def test_kubernetes_has_a_place_by_convention(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "projected").write_text("t")
        monkeypatch.setattr(workload, "KUBERNETES_TOKEN", str(tmp_path / "projected"))

        assert read("kubernetes") == "t"

    def test_one_that_is_not_there(self, tmp_path: Path) -> None:
        error = refused(f"file:{tmp_path / 'none'}")

        assert type(error) is AuthenticationError
        assert "No such file" in error.message

    @pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
    def test_one_without_a_token(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "token").write_bytes(content)

        assert type(refused(f"file:{tmp_path / 'token'}")) is AuthenticationError


class TestEnvironment:
    def test_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ITS_TOKEN", "t\n")

        assert read("env:ITS_TOKEN") == "t"

    def test_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ITS_TOKEN", raising=False)

        assert "no token in env:ITS_TOKEN" in refused("env:ITS_TOKEN").message


class TestCommand:
    def test_what_it_prints(self) -> None:
        assert read(f"command:{sys.executable} -c \"print('a token')\"") == "a token"

    def test_no_shell_reads_it(self) -> None:
        assert read(f"command:{sys.executable} -c \"print('$HOME;id')\"") == "$HOME;id"

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            (f"{sys.executable} -c 'raise SystemExit(3)'", "exit code 3"),
            ("/there/is/no/such/program", "FileNotFoundError"),
            ('"never closed', "ValueError"),
            (f"{sys.executable} -c pass", "no token"),
        ],
    )
    def test_one_that_fails(self, command: str, said: str) -> None:
        error = refused(f"command:{command}")

        assert type(error) is AuthenticationError
        assert said in error.message

    def test_one_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workload, "COMMAND_TIMEOUT", 0.2)

        assert (
            "TimeoutExpired" in refused(f"command:{sys.executable} -c 'import time; time.sleep(9)'").message
        )

    def test_what_it_says_on_stderr_is_not_repeated(self) -> None:
        program = "import sys; sys.exit('s3cr3t')"

        assert "s3cr3t" not in str(refused(f'command:{sys.executable} -c "{program}"'))


class Runner:
    """The OIDC endpoint of a GitHub Actions runner."""

    def __init__(self) -> None:
        self.status = 200
        self.document: object = {"value": "the-id-token"}
        self.asked: list[tuple[str, str]] = []
        runner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                runner.asked.append((self.path, self.headers["Authorization"]))
                body = json.dumps(runner.document).encode()
                self.send_response(runner.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/token"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    runner = Runner()
    thread = threading.Thread(target=runner.server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{runner.url}?api-version=2")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-job")
    yield runner
    runner.server.shutdown()
    runner.server.server_close()
    thread.join()


class TestGitHubActions:
    def test_the_runner_is_asked_for_our_audience(self, runner: Runner) -> None:
        token = read("github-actions")
        ((path, authorization),) = runner.asked

        assert token == "the-id-token"
        assert authorization == "Bearer of-the-job"
        assert parse_qs(urlsplit(path).query) == {"api-version": ["2"], "audience": [AUDIENCE]}

    def test_an_address_without_a_query(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", runner.url)
        read("github-actions")

        assert runner.asked[0][0].startswith("/token?audience=")

    @pytest.mark.parametrize(
        ("status", "document"), [(200, {}), (200, []), (403, {"message": "no"}), (500, "trouble")]
    )
    def test_a_runner_that_gives_none(self, runner: Runner, status: int, document: object) -> None:
        runner.status, runner.document = status, document
        error = refused("github-actions")

        assert type(error) is AuthenticationError
        assert f"status {status}" in error.message

    def test_outside_of_a_job(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)

        assert refused("github-actions").hint == "permissions: id-token: write"

    def test_a_runner_that_is_gone(self, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:9/token")

        assert isinstance(refused("github-actions"), ServerUnavailable)
