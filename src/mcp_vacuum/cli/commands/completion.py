"""`mcp-vacuum completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mcp_vacuum.cli.main import command, group
from mcp_vacuum.cli.ui import Ui

EXAMPLE = """eval "$(mcp-vacuum completion bash)"          # in ~/.bashrc
mcp-vacuum completion fish > ~/.config/fish/completions/mcp-vacuum.fish"""


@command(EXAMPLE)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(ui: Ui, shell: str) -> None:
    """Print the completion script of SHELL."""
    kind = get_completion_class(shell)
    assert kind is not None
    ui.out(kind(group, {}, "mcp-vacuum", "_MCP_VACUUM_COMPLETE").source())
