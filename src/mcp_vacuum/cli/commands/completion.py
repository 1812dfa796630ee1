"""`mcp-vacuum completion`."""

from __future__ import annotations

import click

from mcp_vacuum.cli.completing import SHELLS, script
from mcp_vacuum.cli.main import command, group
from mcp_vacuum.cli.ui import Ui

EXAMPLE = """eval "$(mcp-vacuum completion bash)"          # in ~/.bashrc
mcp-vacuum completion fish > ~/.config/fish/completions/mcp-vacuum.fish"""


@command(EXAMPLE)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(ui: Ui, shell: str) -> None:
    """Print the completion script of SHELL."""
    ui.out(script(group, shell))
