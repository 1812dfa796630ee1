"""LAB-10: authorization endpoints that no browser must get."""

from __future__ import annotations

from mcp_vacuum.audit.evidence.client import CANARY
from mcp_vacuum.audit.scenarios.scenario import Arrange, Scenario, Stage

_TOUCH = "touch${IFS}$HOME/" + CANARY

SCHEMES = {
    "javascript": "javascript:alert(1)//",
    "mixed-case": "JaVaScRiPt:alert(1)//",
    "data": "data:text/html,<script>alert(1)</script>",
    "file": "file:///etc/passwd",
    "vbscript": "vbscript:msgbox(1)",
    "custom": "ms-settings://x",
    "space": " javascript:alert(1)//",
    "control": "java\tscript:alert(1)//",
    "http": "http://accounts.other.example/authorize",
}
"""By variant: what is in the place of the endpoint."""

SHELL = {
    "dollar": f"?x=$({_TOUCH})",
    "backtick": f"?x=`{_TOUCH}`",
    "semicolon": f'?x=";{_TOUCH};"',
    "quote": f"?x=';{_TOUCH};'",
    "pipe": f"?x=|{_TOUCH}",
}
"""By variant: what comes after the endpoint's path."""


def _endpoint(of: str) -> Arrange:
    def arrange(stage: Stage) -> None:
        stage.lab.faults.metadata_override = {"authorization_endpoint": of}

    return arrange


def _after(ending: str) -> Arrange:
    def arrange(stage: Stage) -> None:
        stage.lab.faults.metadata_override = {
            "authorization_endpoint": f"{stage.lab.issuer}/authorize{ending}"
        }

    return arrange


SCENARIOS = (
    *(
        Scenario(
            f"LAB-10/{name}", f"the authorization endpoint is {name} and no web page", arrange=_endpoint(of)
        )
        for name, of in SCHEMES.items()
        if name != "http"
    ),
    Scenario(
        "LAB-10/http",
        "the authorization endpoint is plain http at another host",
        arrange=_endpoint(SCHEMES["http"]),
    ),
    Scenario(
        "LAB-10/option",
        "the authorization endpoint begins like an option of a program",
        arrange=_endpoint("--new-window=http://accounts.other.example/"),
    ),
    Scenario("LAB-10/fragment", "the authorization endpoint has a fragment", arrange=_after("#part")),
    Scenario(
        "LAB-10/query", "the authorization endpoint has a query of its own", arrange=_after("?tenant=1")
    ),
    *(
        Scenario(
            f"LAB-10/{name}",
            f"the authorization endpoint has a {name} with a command",
            arrange=_after(ending),
        )
        for name, ending in SHELL.items()
    ),
)
