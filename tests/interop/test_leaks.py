"""Secrets stand in no file, plain or in disguise ("Done when" 4)."""

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from .command import CommandLine
from .leaks import find_leaks
from .running import ProtectedServer

SECRET = "s3cret-~?>-which-nobody-may-read"


@pytest.mark.parametrize("before", [b"", b"1", b"12", b"123"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode, bytes.hex, bytes])
def test_the_search_sees_through_disguises(tmp_path: Path, encode: object, before: bytes) -> None:
    assert callable(encode)
    written = encode(before + SECRET.encode() + b"after")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(written.encode() if isinstance(written, str) else written)

    assert find_leaks(tmp_path, [("token", SECRET)])
    assert not find_leaks(tmp_path, [("token", SECRET + "-another")])


def test_no_file_holds_a_secret_of_the_login(cli: CommandLine, protected_server: ProtectedServer) -> None:
    before = len(protected_server.desk.secrets())
    cli("login", protected_server.url).ok()
    cli("token", protected_server.url, browser=cli.trap).ok()

    secrets = protected_server.desk.secrets()[before:]
    assert {kind for kind, _ in secrets} == {"code", "code_verifier", "access_token", "refresh_token"}
    assert any(path.is_file() for path in cli.home.rglob("*")), "nothing was stored: nothing was tested"
    assert find_leaks(cli.home, secrets) == []
