"""LAB-10: what is in the place of the authorization endpoint."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcp_vacuum.audit.evidence.client import CANARY
from mcp_vacuum.audit.scenarios.opening import SCHEMES, SHELL
from tests.audit.scenarios.test_discovery import Played


def endpoint(variant: str) -> str:
    with ExitStack() as stack:
        on = Played(f"LAB-10/{variant}", stack)
        document = json.loads(on.get(f"{on.stage.lab.issuer}/.well-known/oauth-authorization-server")[1])
        return str(document["authorization_endpoint"])


@pytest.mark.parametrize("variant", SCHEMES)
def test_what_is_no_web_page(variant: str) -> None:
    assert endpoint(variant) == SCHEMES[variant]


@pytest.mark.parametrize(
    ("variant", "part"), [("fragment", "#part"), ("query", "?tenant=1"), ("option", "--new-window=")]
)
def test_what_is_odd_about_a_page(variant: str, part: str) -> None:
    assert part in endpoint(variant)


@pytest.mark.parametrize(
    ("variant", "quote"), [*((name, '"') for name in SHELL if name != "quote"), ("quote", "'")]
)
def test_a_shell_that_sees_the_endpoint_makes_the_canary(variant: str, quote: str, tmp_path: Path) -> None:
    around = "" if variant == "pipe" else quote
    subprocess.run(
        ["sh", "-c", f"true {around}http://127.0.0.1/{SHELL[variant]}{around}"],
        env={"HOME": str(tmp_path), "PATH": os.defpath},
        stderr=subprocess.DEVNULL,
        check=False,
    )

    assert (tmp_path / CANARY).exists()
