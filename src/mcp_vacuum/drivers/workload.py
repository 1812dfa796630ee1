"""Where a workload finds the token that says who it is. Performs I/O, and knows no OAuth.

A source is written `file:PATH`, `env:NAME`, `command:CMD`, `kubernetes[:PATH]` or `github-actions`.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from urllib.parse import urlencode

from mcp_vacuum.drivers.transport import SyncTransport
from mcp_vacuum.errors import AuthenticationError, UsageError
from mcp_vacuum.protocol.effects import HttpRequest
from mcp_vacuum.safety.policy import NetworkPolicy
from mcp_vacuum.safety.secret import Secret
from mcp_vacuum.safety.url import check_endpoint, host_of

KUBERNETES_TOKEN = "/var/run/secrets/tokens/mcp-vacuum"
"""Where a projected token is mounted by convention; ``kubernetes:PATH`` names another path."""
COMMAND_TIMEOUT = 30.0
_MAX_TOKEN = 65536
_KINDS = "file:PATH, env:NAME, command:CMD, kubernetes[:PATH], github-actions"


def check_source(source: str) -> str:
    """Return `source` if it is of a known kind.

    Raises:
        UsageError: It is not.
    """
    kind, _, argument = source.partition(":")
    if kind in ("file", "env", "command") and argument.strip():
        return source
    if source == "github-actions" or kind == "kubernetes":
        return source
    raise UsageError(f"{source!r} is no source of a token", hint=f"one of {_KINDS}")


def read_token(source: str, *, audience: str) -> Secret:
    """Fetch the workload's token, anew each time: projected tokens are replaced under our feet.

    Args:
        source: See the module.
        audience: Whom the token is for; only `github-actions` can ask for one.

    Raises:
        AuthenticationError: It is not there.
        UsageError: The source is of no known kind.
    """
    kind, _, argument = check_source(source).partition(":")
    if kind == "env":
        text = os.environ.get(argument, "")
    elif kind == "command":
        text = _from_command(argument)
    elif kind == "github-actions":
        text = _from_github(audience)
    else:
        text = _from_file(Path(argument or KUBERNETES_TOKEN))
    token = text.strip()
    if not token:
        raise AuthenticationError(
            f"there is no token in {source}", hint="is this program running where it should?"
        )
    return Secret(token)


def _from_file(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(_MAX_TOKEN)
    except (OSError, ValueError) as error:
        raise AuthenticationError(f"the token file {path} cannot be read: {error}") from None


def _from_command(command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the person's own command, split without a shell
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_TIMEOUT, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise AuthenticationError(f"the token command failed: {type(error).__name__}") from None
    if done.returncode:
        raise AuthenticationError(f"the token command ended with exit code {done.returncode}")
    return done.stdout[:_MAX_TOKEN]


def _from_github(audience: str) -> str:
    """Ask the runner's OIDC endpoint; its URL and token are in the job's environment."""
    url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    bearer = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not url or not bearer:
        raise AuthenticationError(
            "this is no GitHub Actions job that may have an ID token", hint="permissions: id-token: write"
        )
    joined = f"{url}{'&' if '?' in url else '?'}{urlencode({'audience': audience})}"
    endpoint = check_endpoint(joined, "ACTIONS_ID_TOKEN_REQUEST_URL")
    transport = SyncTransport(NetworkPolicy(host_of(url)))
    try:
        response = transport.send(HttpRequest("GET", endpoint, (("Authorization", f"Bearer {bearer}"),)))
    finally:
        transport.close()
    try:
        return str(json.loads(response.body)["value"])
    except (ValueError, KeyError, TypeError):
        raise AuthenticationError(f"the runner gave no ID token (status {response.status})") from None
