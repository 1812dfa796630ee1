"""`mcp-vacuum audit store`."""

from __future__ import annotations

import click

from mcp_vacuum.audit.store import audit_store
from mcp_vacuum.cli.auditing import Wanted, deliver, report_options
from mcp_vacuum.cli.main import command
from mcp_vacuum.cli.ui import Ui


@command(
    "mcp-vacuum audit store\n"
    "mcp-vacuum audit store --ask                                   a vault with a passphrase\n"
    "mcp-vacuum audit store --fail-on high --format sarif --output store.sarif"
)
@click.option("--ask", is_flag=True, help="Ask for the vault's passphrase, if that is its key.")
@report_options
def store(ui: Ui, ask: bool, wanted: Wanted) -> int:
    """Check what is kept on this machine: the vault, and the tokens that other programs left readable.

    The vault: where its key is, who may read its files, what each login is bound to, how wide and how old it
    is, which quirks it needs. Other programs: mcp-remote, Claude Code and Desktop, VS Code, Cursor, Windsurf,
    Gemini CLI, Codex, opencode, FastMCP; shell histories and start-up files; copies.

    Files are only read, and no secret is shown: a finding names file, member and kind. Nothing is sent, made
    or repaired, and no program is started but a key command that the vault names. A vault that is locked, or
    whose key is a passphrase, is judged by what can be seen without the key.
    """
    if not ask:
        return deliver(ui, wanted, [audit_store()])
    from mcp_vacuum.storage.passphrase_source import ask_on_terminal

    return deliver(ui, wanted, [audit_store(ask=ask_on_terminal)])
