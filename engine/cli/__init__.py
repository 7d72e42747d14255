"""The command line, a file for each command; a command's module is imported when it is called."""

import importlib
import os
import sys
from typing import Any, Final, NoReturn

import click

from breakfix import __version__
from breakfix.engine.errors import BreakfixError

COMMANDS: Final = {
    "actions": "List the faults, repairs and probes, or tell all of one.",
    "compare": "Show two runs side by side.",
    "completion": "Write the completion script of a shell.",
    "doctor": "Tell what this machine can and cannot do, each with its fix.",
    "exec": "Run a command on many hosts; equal outputs are shown once.",
    "gate": "Run scenarios in a pipeline: one folder of results, one exit code.",
    "halt": "Stop every run, and let none begin.",
    "history": "Fill the history of runs from journals, and keep it small.",
    "init": "Write a first scenario that runs.",
    "plan": "Show what a scenario would do; nothing is touched.",
    "ps": "Show what is broken right now, and who ends it.",
    "recover": "End every fault that a dead run left open.",
    "report": "Show the report of a run, of a journal file, or of a series of trials.",
    "run": "Run a scenario: break, watch, mend, verify, report.",
    "runs": "List the runs of the history.",
    "schema": "Print the JSON Schema of scenarios, journals, records, series, gates or trends.",
    "status": "Show how busy many hosts are: processors, memory, disk, load.",
    "trend": "Show how times of recovery developed over comparable runs.",
    "undo": "End one fault of a run that goes on.",
    "validate": "Check scenario files, and tell every problem of them.",
    "verify": "Check the hash chain of a journal.",
    "why": "Tell what made a run's verdict, or a step's state, line by line.",
}
"""Every command and its one line of help; the module of the same name has it as `command`."""


class _OutputClosed(Exception):
    """Nobody reads the output any more. Click would end with 1, which is a verdict here."""


class _Lazy(click.Group):
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError as error:
            raise _OutputClosed from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _OutputClosed from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(_unknown(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"breakfix.engine.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, n=1)
    return f"there is no command {name!r}." + (f" Did you mean {close[0]!r}?" if close else "")


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="breakfix")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("-q", "--quiet", count=True, help="Say less.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.pass_context
def cli(context: click.Context, verbose: int, quiet: int, debug: bool) -> None:
    """Break systems on purpose, mend them, and tell how long each of it took."""
    context.obj = {"verbosity": verbose - quiet, "debug": debug}


def main() -> NoReturn:
    """The console script: every ending has its exit code, and none is a traceback."""
    debug = "--debug" in sys.argv
    try:
        code = cli.main(prog_name="breakfix", standalone_mode=False)
        sys.stdout.flush()
    except (_OutputClosed, BrokenPipeError):
        _end(0)
    except BreakfixError as error:
        if debug:
            raise
        click.echo(str(error), err=True)
        _end(error.exit_code)
    except click.ClickException as error:
        error.show()
        _end(2)
    except click.exceptions.Abort:
        _end(4)
    except Exception as error:
        if debug:
            raise
        text = f"unexpected {type(error).__name__}: {error}."
        click.echo(f"{text} Run `breakfix --debug COMMAND ...` to see where.", err=True)
        _end(5)
    _end(code if isinstance(code, int) else 0)


def _end(code: object) -> NoReturn:
    """End with a code, even where nobody reads the rest of the output any more."""
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    raise SystemExit(code) from None
