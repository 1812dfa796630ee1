"""An embedded OAuth 2.1 authorization server and protected MCP server.

    with Lab(LabConfig(access_token_lifetime=5)) as lab:
        lab.faults.token_status = 503
        ...
        lab.recorder.to("/token")

Both servers listen on 127.0.0.1, each on its own port and therefore its own
origin. `lab.faults` makes them misbehave while they run, `lab.recorder` keeps
every request, and `User` consents without a browser. Nothing here is meant to
protect anything: it is a place to try clients out.

The lab imports nothing else of mcp_vacuum: a witness shares no code with the
client that it judges. Names are resolved on first use, so that
`python -m mcp_vacuum.lab.user` starts without loading two servers.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_vacuum.lab.config import LabConfig
    from mcp_vacuum.lab.faults import ABSENT, Faults
    from mcp_vacuum.lab.lab import Lab
    from mcp_vacuum.lab.recorder import Recorded, Recorder
    from mcp_vacuum.lab.user import User

__all__ = ["ABSENT", "Faults", "Lab", "LabConfig", "Recorded", "Recorder", "User"]

_HOMES = {
    "ABSENT": "faults",
    "Faults": "faults",
    "Lab": "lab",
    "LabConfig": "config",
    "Recorded": "recorder",
    "Recorder": "recorder",
    "User": "user",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
