"""The table of commands, the global flags, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mcp_vacuum._version import __version__
from mcp_vacuum.cli.ui import ReaderGone, Settings, Ui, complete_streams
from mcp_vacuum.errors import UsageError, VacuumError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "login": "Log in to a protected MCP server or API, and keep the login.",
    "grant": "Get tokens as a machine, and keep how under a name like a login.",
    "token": "Print a valid access token.",
    "run": "Run a command with a valid token in its environment.",
    "status": "Show one login, or all of them.",
    "list": "List the logins.",
    "accounts": "List the accounts that are logged in to one server.",
    "alias": "Give a login a short name.",
    "refresh": "Refresh a login now.",
    "logout": "End a login: revoke it and forget it.",
    "tools": "Show what an MCP server offers.",
    "agent": "Control the process that keeps access tokens in memory.",
    "vault": "Look at the encrypted store, and change its key.",
    "doctor": "Find out what is wrong, and what to type.",
    "audit": "Find out how safe a server, a client or this machine is.",
    "demo": "See the whole story on this machine, without a network.",
    "completion": "Print the completion script of a shell.",
}
"""Name and one line of help; the command itself lives in `commands/<name>.py`."""

EXIT_CODES = """\b
Exit codes:
  0    done
  1    unexpected: a bug in mcp-vacuum
  2    the command line makes no sense
  3    a login is required, or was declined
  4    refused: the server broke a security requirement
  5    the server or the network is unavailable: try again
  6    the store or its key is unavailable
  7    the server said no
  10   audit findings reach --fail-on
  130  interrupted"""

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose help is printed as every result is, and whose errors name it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words; click's parser itself does not know which command it works for.

        Raises:
            UsageError: They make no sense, or one that has to be text is none; a file's name may be anything.
        """
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        for parameter in self.get_params(ctx):
            if parameter.type is click.STRING and not _is_text(ctx.params.get(parameter.name or "")):
                raise click.BadParameter("it is no text in UTF-8", ctx, parameter)
        return rest

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return click's own option, with our way to print."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _printing(lambda ctx: ctx.get_help())
        return option


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first word.

        Raises:
            UsageError: There is none; those that may be meant are named.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            if args[0].startswith("-"):
                raise
        from difflib import get_close_matches

        close = " or ".join(map(repr, get_close_matches(args[0], self.list_commands(ctx))))
        meant = f" Did you mean {close}?" if close else ""
        raise click.UsageError(f"No such command {args[0]!r}.{meant}", ctx)


class LazyGroup(Group):
    """Imports a command when it is run, not when the list of commands is shown."""

    table: Mapping[str, str] = COMMANDS
    prefix = ""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.table:
            return None
        module = import_module(f"mcp_vacuum.cli.commands.{self.prefix}{cmd_name}")
        found: click.Command = getattr(module, "list_" if cmd_name == "list" else cmd_name)
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Offer the names of the table, so that a shell that asks for them imports nothing."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=text) for name, text in self.table.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [item for item in names if item.value.startswith(incomplete)] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the one-liners of the table, so that `--help` imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))


def _is_text(value: str | tuple[str, ...] | None) -> bool:
    """Python passes on a byte of a command line that is no text as half a character."""
    try:
        "".join(value or ()).encode()
    except UnicodeEncodeError:
        return False
    return True


def _printing(text: Callable[[click.Context], str]) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return the callback of an option that prints something instead of running the command."""

    def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value and not ctx.resilient_parsing:
            Ui(ctx.ensure_object(Settings)).out(text(ctx))
            ctx.exit()

    return callback


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
        settings = ctx.ensure_object(Settings)
        if value:
            setattr(settings, name, value)

    return callback


def global_flags(function: F) -> F:
    """Add the flags that are taken before and after a command."""
    for option in (
        click.option(
            "--no-color",
            is_flag=True,
            expose_value=False,
            callback=_remember("no_color"),
            help="Plain text, also in a terminal.",
        ),
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            expose_value=False,
            callback=_remember("quiet"),
            help="Say nothing but results and errors.",
        ),
        click.option(
            "-v",
            "--verbose",
            count=True,
            expose_value=False,
            callback=_remember("verbose"),
            help="Say more; -vv adds tracebacks. Secrets stay hidden.",
        ),
        click.option(
            "--json",
            is_flag=True,
            expose_value=False,
            callback=_remember("json"),
            help="One JSON object on stdout; errors as JSON on stderr.",
        ),
    ):
        function = option(function)
    return function


def command(
    example: str, parent: click.Group | None = None, **settings: Any
) -> Callable[[Callable[..., int | None]], click.Command]:
    """Make a click command with the global flags and its example.

    Its first argument is the `Ui`; what it returns is the exit code, None being 0.
    """

    def decorate(function: Callable[..., int | None]) -> click.Command:
        def run(**values: Any) -> int | None:
            return function(Ui(click.get_current_context().ensure_object(Settings)), **values)

        run.__doc__ = function.__doc__
        own = getattr(function, "__click_params__", [])
        getattr(global_flags(run), "__click_params__", []).extend(own)
        settings.setdefault("name", function.__name__.strip("_").replace("_", "-"))
        settings.setdefault("cls", Command)
        make: Callable[..., click.Command] = (parent or click).command(epilog=_epilog(example), **settings)
        return make(run)

    return decorate


def command_group(example: str) -> Callable[[Callable[[], None]], click.Group]:
    """Make a group of commands, each of which names it as its `parent`."""

    def decorate(function: Callable[[], None]) -> click.Group:
        make: Callable[..., click.Group] = click.group(cls=Group, epilog=_epilog(example))
        return make(global_flags(function))

    return decorate


def _epilog(example: str) -> str:
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in example.splitlines())


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  mcp-vacuum login https://mcp.example.com/mcp\n"
    "  mcp-vacuum tools mcp.example.com\n\n" + EXIT_CODES,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_printing(lambda _ctx: f"mcp-vacuum, version {__version__}"),
    help="Show the version and exit.",
)
@global_flags
def group() -> None:
    """Log in to an OAuth-protected MCP server once; then every program of yours gets a valid token.

    Refresh tokens are kept encrypted, access tokens in memory only.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code (the numbers live on the error classes)."""
    complete_streams()
    if wanted := os.environ.get("_MCP_VACUUM_COMPLETE"):
        return _offer(wanted)
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    settings = Settings(json="--json" in own)
    try:
        outcome = group.main(arguments, prog_name="mcp-vacuum", standalone_mode=False, obj=settings)
        return outcome if isinstance(outcome, int) else 0
    except VacuumError as error:
        return _failed(settings, error)
    except click.exceptions.NoArgsIsHelpError as error:
        Ui(settings).plain(error.format_message())
        return UsageError.exit_status
    except click.ClickException as error:
        return _usage(settings, error)
    except (KeyboardInterrupt, click.Abort):
        Ui(settings).plain("interrupted; nothing was lost")
        return 130
    except ReaderGone:
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence says which bug it is
        return _failed(settings, _bug(error))


def _offer(wanted: str) -> int:
    """Answer the completion script of a shell; see `completing`."""
    from mcp_vacuum.cli.completing import offered

    with suppress(ReaderGone, VacuumError):
        Ui(Settings()).out(offered(group, wanted))
    return 0


def _failed(settings: Settings, error: VacuumError) -> int:
    ui = Ui(settings)
    ui.error(error)
    if settings.verbose >= 2:
        import traceback

        ui.plain("".join(traceback.format_exception(error)).rstrip())
    return error.exit_status


def _usage(settings: Settings, error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context else "mcp-vacuum --help"
    return _failed(settings, UsageError(" ".join(error.format_message().split()).rstrip("."), hint=hint))


def _bug(error: Exception) -> VacuumError:
    """Wrap what nobody expected; its text is left out, because nobody checked it for secrets."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "nowhere"
    bug = VacuumError(
        f"unexpected {type(error).__name__} at {place}", hint="this is a bug in mcp-vacuum; please report it"
    )
    return bug.with_traceback(error.__traceback__)
