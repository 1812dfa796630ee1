"""The way in: `token TARGET` straight from the agent, everything else to the whole command line.

A shell calls `token` in every prompt and every curl, so this file imports next to nothing. It answers only
when it is sure; any doubt, and any error, is the whole command line's to explain.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

_TIMEOUT = 120.0
"""Seconds: the agent may have to refresh first."""
_MOST = 1024 * 1024
_MIN_VALID = "60"
"""Seconds; `tokens/policy.py: MIN_VALIDITY`."""


def main() -> None:
    """Run `mcp-vacuum`."""
    try:
        answer = _line(sys.argv[1:])
    except KeyboardInterrupt:
        os.write(2, b"interrupted; nothing was lost\n")
        sys.exit(130)
    if answer is None or not _printed(1, answer[0]):
        from mcp_vacuum.cli.main import main as whole

        whole()
    elif answer[1]:
        _printed(2, f"note: {answer[1]}")


def short_lived(left: int, lifetime: int, wanted: float) -> str | None:
    """Return what to say of a token that ends sooner than was asked for; None of any other.

    Args:
        left: Seconds of life that it has.
        lifetime: Seconds that the server gave it.
        wanted: Seconds that were asked for.
    """
    if left >= wanted:
        return None
    asked = f"not for the {wanted:.10g} s that were asked for"
    return f"this token is good for {left} s, {asked}: the server's tokens live {lifetime} s"


def _line(arguments: list[str]) -> tuple[str, str | None] | None:
    """Return what `token` prints and what there is to say about it.

    None where the whole command line has to look at it.
    """
    asked = _asked(arguments)
    if asked is None or os.environ.get("MCP_VACUUM_AGENT", "auto") not in ("auto", "on"):
        return None
    target, account, wanted, header = asked
    try:
        reply = _exchanged(f"token\0{target}\0{account}\0{wanted or _MIN_VALID}".encode())
    except (OSError, ValueError, ImportError, AttributeError):  # the last: a system without such sockets
        return None
    if len(reply) != 5 or reply[0] != "ok":
        return None
    note = short_lived(int(reply[3]), int(reply[4]), int(wanted)) if wanted else None
    return (f"Authorization: {reply[1]} {reply[2]}" if header else reply[2]), note


def _asked(arguments: list[str]) -> tuple[str, str, str, bool] | None:
    """Return target, account, seconds (empty if not given) and whether the header is wanted."""
    if arguments[:1] != ["token"]:
        return None
    values = {"--account": "default", "--min-valid": _MIN_VALID}
    given = ""
    target, header = "", False
    rest = iter(arguments[1:])
    for word in rest:
        if word == "--header":
            header = True
        elif word in values:
            values[word] = next(rest, "")
            given = values["--min-valid"] if word == "--min-valid" else given
        elif word.startswith("-") or target:
            return None
        else:
            target = word
    account, seconds = values["--account"], values["--min-valid"]
    return (target, account, given, header) if target and account and seconds.isdecimal() else None


def _exchanged(payload: bytes) -> list[str]:
    """Send one frame to this home's agent and return the words of its reply; see `agent/wire.py`."""
    import _socket

    from mcp_vacuum._version import __version__
    from mcp_vacuum.agent.peer import is_me

    path, digest, version, _, home = _sign().split("\0")
    if home != os.path.realpath(_home()):  # a sign that came with a copy of another home
        return []
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(_TIMEOUT)
        connection.connect(path)
        if version != __version__ or not is_me(connection):
            return []
        connection.sendall((len(payload) + 1).to_bytes(4, "big") + b"\1" + payload)
        if _received(connection) != f"mcp-vacuum agent\0{digest}\0{version}":
            return []
        return _received(connection).split("\0")
    finally:
        connection.close()


def _sign() -> str:
    """Return what the agent wrote about its socket, in a file that only we can have written."""
    descriptor = os.open(f"{_home()}/run/agent.at", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise OSError
        return os.read(descriptor, 4096).decode()
    finally:
        os.close(descriptor)


def _home() -> str:
    named = os.environ.get("MCP_VACUUM_HOME")
    if named:
        return os.path.expanduser(named)  # noqa: PTH111 - pathlib is most of the time that there is
    if sys.platform == "linux":
        data = os.environ.get("XDG_DATA_HOME", "").strip()
        return f"{data or os.path.expanduser('~/.local/share')}/mcp-vacuum"  # noqa: PTH111
    raise OSError("platformdirs knows")


def _received(connection: _socket.socket) -> str:
    size = int.from_bytes(_exactly(connection, 4), "big")
    if not 0 < size <= _MOST:
        raise OSError
    return _exactly(connection, size)[1:].decode()


def _exactly(connection: _socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise OSError
        data += chunk
    return data


def _printed(descriptor: int, line: str) -> bool:
    """Write the line; False if it could not be, but a reader that has gone is no error."""
    data = line.encode() + b"\n"
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except BrokenPipeError:
        return True
    except OSError:
        return False
    return True
