"""What several commands take is the same in all of them."""

from __future__ import annotations

import click
import pytest

from mcp_vacuum.cli.main import COMMANDS, group
from mcp_vacuum.cli.options import of_account, of_login
from mcp_vacuum.models import DEFAULT_ACCOUNT


def parameters(name: str) -> dict[str | None, click.Parameter]:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return {each.name: each for each in command.params}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_account_has_the_same_default_everywhere(name: str) -> None:
    account = parameters(name).get("account")

    assert account is None or account.default == DEFAULT_ACCOUNT


@pytest.mark.parametrize("name", COMMANDS)
def test_a_shell_can_complete_each_url_and_each_account(name: str) -> None:
    of = parameters(name)
    completed = [of[each]._custom_shell_complete for each in ("url", "account") if each in of]

    assert None not in completed


def test_they_can_be_given() -> None:
    @click.command
    @of_login
    @of_account
    def show(url: str, account: str) -> None:
        shown.append((url, account))

    shown: list[tuple[str, str]] = []
    show.main(["work"], standalone_mode=False)
    show.main(["work", "--account", "second"], standalone_mode=False)

    assert shown == [("work", DEFAULT_ACCOUNT), ("work", "second")]
