"""`mcp-vacuum audit`, the group."""

from __future__ import annotations

import click
import pytest

from mcp_vacuum.cli.commands.audit import TARGETS, audit

from .conftest import CommandLine


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_help_with_an_example(cli: CommandLine, name: str) -> None:
    out = cli.ok("audit", name, "--help").out

    assert f"mcp-vacuum audit {name}" in out.split("Example:")[1]
    assert "--json" in out


def test_the_table_and_the_commands_agree() -> None:
    for name in TARGETS:
        command = audit.get_command(click.Context(audit), name)
        assert command is not None
        assert command.name == name


def test_an_unknown_target_is_a_usage_error(cli: CommandLine) -> None:
    assert cli("audit", "moon").code == 2
