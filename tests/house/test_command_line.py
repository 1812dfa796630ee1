"""docs/command-line.md says what the README promises of it: every command, exit code, object and variable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_vacuum.cli.main import COMMANDS, EXIT_CODES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
SOURCES = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
GIVEN = {"MCP_VACUUM_TOKEN", "MCP_VACUUM_AUDIT_RUN"}
"""What the package sets for programs that it starts."""
VARIABLES = sorted(set(re.findall(r'"(MCP_VACUUM_[A-Z_]+)"', SOURCES)) - GIVEN)


def section(title: str) -> str:
    """Return what stands under a heading."""
    found = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert found
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_and_so_is_its_object(name: str) -> None:
    assert re.search(rf"^\| `{name}\b", PAGE, re.MULTILINE)
    assert re.search(rf"`{name}\b", section("`--json`"))


@pytest.mark.parametrize("code", re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE))
def test_each_exit_code_is_there(code: str) -> None:
    assert f"\n| {code} | " in section("Exit codes")


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_variable_is_there(variable: str) -> None:
    assert f"`{variable}`" in section("Environment")
