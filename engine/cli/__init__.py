"""The command line, a file for each command; a command's module is imported when it is called."""

import importlib
import os
import sys
from typing import Final, NoReturn

import click

from breakfix import __version__
from breakfix.engine.errors import BreakfixError

COMMANDS: Final = {
    "doctor": "Tell what this machine can and cannot do, each with its fix.",
    "plan": "Show what a scenario would do; nothing is touched.",
    "recover": "End every fault that a dead run left open.",
    "report": "Show the report of a run, or of a journal file.",
    "run": "Run a scenario: break, watch, mend, verify, report.",
    "runs": "List the runs on this machine.",
    "validate": "Check scenario files, and tell every problem of them.",
    "verify": "Check the hash chain of a journal.",
}
"""Every command and its one line of help; the module of the same name has it as `command`."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"breakfix.engine.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


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
        cli.main(prog_name="breakfix", standalone_mode=False)
    except BreakfixError as error:
        if debug:
            raise
        click.echo(str(error), err=True)
        raise SystemExit(error.exit_code) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(2) from None
    except click.exceptions.Abort:
        raise SystemExit(4) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(0) from None
    except Exception as error:
        if debug:
            raise
        text = f"unexpected {type(error).__name__}: {error}. Run again with --debug to see where."
        click.echo(text, err=True)
        raise SystemExit(5) from None
    raise SystemExit(0)
