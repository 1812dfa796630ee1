"""`mcp-vacuum vault`."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from mcp_vacuum.cli.main import command, command_group
from mcp_vacuum.cli.ui import Ui, duration
from mcp_vacuum.storage.info import VaultInfo, vault_info
from mcp_vacuum.storage.rotation import rotate_key as rotate

SOURCES = "keyring, file[:PATH], passphrase, env or command:CMD"


@command_group("mcp-vacuum vault info")
def vault() -> None:
    """Look at the encrypted file that the logins are kept in, and change its key."""


@command("mcp-vacuum vault info --json", vault)
def info(ui: Ui) -> None:
    """Show where the vault is, where its key comes from, and what is in it. Needs no key."""
    found = vault_info()
    ui.result(asdict(found), _text(ui, found))


def _text(ui: Ui, found: VaultInfo) -> str:
    now = time.time()
    state = ui.bad("locked") if found.locked else ui.good("open to whoever has its key")
    facts = [
        ("vault", found.path),
        ("state", state),
        ("key", f"from {found.key_source}{_ago(found.key_created_at, now)}"),
        ("logins", str(found.logins)),
        ("clients", f"{found.registrations} registered"),
        *([("set aside", f"{found.set_aside} records that do not open")] if found.set_aside else []),
        *([("rotation", "not finished: run `vault rotate-key` again")] if found.rotation_pending else []),
        ("size", f"{found.size / 1024:.0f} KiB, schema {found.schema}"),
        ("id", found.vault_id),
    ]
    return ui.facts(facts)


def _ago(then: int | None, now: float) -> str:
    return f", made {duration(then - now)}" if then else ""


@command("mcp-vacuum vault rotate-key --to keyring", vault)
@click.option("--to", metavar="SOURCE", help=f"Where the new key is kept: {SOURCES}. Default: where it is.")
def rotate_key(ui: Ui, to: str | None) -> None:
    """Give the vault a new key, while other programs read and refresh; nothing has to be stopped.

    Killed at any point it leaves a vault that opens, and running it again goes on.
    """
    with ui.waiting("sealing the records anew"):
        done = rotate(to=to, ask=ui.passphrase)
    for notice in done.notices:
        ui.note(notice)
    if done.unopened:
        ui.note(f"{done.unopened} records did not open under the former key either; they are kept")
    ui.result(
        {**asdict(done), "notices": list(done.notices)},
        f"the vault has a new key, from {done.key_source}; {done.resealed} records sealed anew",
    )
