"""A configuration as text, judged: for tests of single checks of `audit config`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from mcp_vacuum.audit.engine import Judgement, judge
from mcp_vacuum.audit.evidence.config import ConfigEvidence, collect_config
from mcp_vacuum.audit.rule import Kind
from mcp_vacuum.audit.rules import CATALOGUE

SERVER = "https://mcp.example/mcp"


def evidence(content: Any, mode: int = 0o600) -> ConfigEvidence:
    """Return what is seen of a file with this content."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "mcp.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        file.chmod(mode)
        return collect_config(str(file))


def entry(**members: Any) -> dict[str, Any]:
    """Return a configuration with one server."""
    return {"mcpServers": {"s": members}}


def judged(rule: str, content: Any, mode: int = 0o600) -> Judgement:
    """Judge a configuration by one rule of the catalogue."""
    wanted = tuple(each for each in CATALOGUE if each.id == rule)
    (judgement,) = judge(wanted, {Kind.CONFIG: evidence(content, mode)}, (Kind.CONFIG,))
    return judgement


def whys(rule: str, content: Any) -> list[str]:
    """Say what a rule finds in a configuration."""
    return [found.why for found in judged(rule, content).findings]
