"""Bring the virtual environment of `servers/django_oauth_toolkit.py` to what its list says.

django-oauth-toolkit needs an oauthlib that nothing else here should get, so it lives in an environment of its
own, `servers/.venv-django`, which is made once for each list.
"""

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

SERVERS = Path(__file__).parent / "servers"
LIST = SERVERS / "django-requirements.txt"
HOME = SERVERS / ".venv-django"
STAMP = HOME / ".installed-from"


class NotInstalledError(Exception):
    """pip could not install what is on the list."""


def install() -> Path:
    """Install if the list changed; return the Python that has it.

    Raises:
        NotInstalledError: pip failed; its last words are in the message.
    """
    python = HOME / "bin" / "python"
    with LIST.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs in one checkout install one after the other
        digest = hashlib.sha256(LIST.read_bytes() + sys.version.encode()).hexdigest()
        if STAMP.exists() and STAMP.read_text() == digest:
            return python
        venv.create(HOME, clear=True, with_pip=True)
        (HOME / ".gitignore").write_text("*\n")
        _pip_install(python)
        STAMP.write_text(digest)
    return python


def _pip_install(python: Path) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(LIST)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise NotInstalledError((done.stderr.strip().splitlines() or ["pip said nothing"])[-1])


if __name__ == "__main__":
    print("installed:", install())
