"""``breakfix status``: how busy many hosts are."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from breakfix.engine.cli.host_options import choose_hosts, duration_s, host_options
from breakfix.engine.cli.output import form_option, wants_color, write

if TYPE_CHECKING:
    from breakfix.engine.cli.readings import Readings
    from breakfix.engine.targets.host_status import HostStatus

_ROOM_ROWS: Final = 3
SORTS: Final = ("host", "worst", "cpu", "memory", "disk", "load")
EPILOG: Final = """\b
Examples:
  breakfix status --hosts db-1,db-2
  breakfix status fleet.yaml --target all --sort worst --top 20
  breakfix status --inventory hosts.ini --watch
  breakfix status --inventory hosts.ini --format json

How busy the processors are is measured between two looks. The disk is the fullest of each host.

\b
Exit codes:
  0  all hosts answered (with --watch: the last time)
  1  some could not be read
  2  the command line is wrong
  4  it was interrupted before all had answered
  5  some hosts were not reached"""


@click.command(epilog=EPILOG)
@host_options
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    default="host",
    show_default=True,
    help="What stands first; `worst` is the largest share of any kind.",
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="Show so many hosts only.")
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--every", default="2s", show_default=True, help="With --watch: how often to look.")
@form_option(["text", "json"])
@click.pass_context
def command(  # noqa: PLR0913
    context: click.Context, /, sort: str, top: int | None, watch: bool, every: str, form: str,
    concurrency: int, **options: Any,
) -> None:  # fmt: skip
    """Show processors, memory, disk and load of every host as a table.

    The hosts are those of a SCENARIO's targets (all that they mean, whatever `pick` says), of an inventory,
    or a list. Nothing is changed on them."""
    every_s = duration_s("--every", every)
    targets, file = options.pop("targets"), options.pop("file")
    chosen = choose_hosts(file, targets, **options)

    from breakfix.engine.cli.readings import Readings
    from breakfix.engine.vehicles.ssh.pool import SshHosts

    quiet = (context.obj or {}).get("verbosity", 0) < 0
    ssh = SshHosts(chosen.hosts, chosen.secrets.reveal)
    try:
        readings = Readings(ssh, chosen, concurrency=concurrency)
        view = _View(readings, sort=sort, top=top, form=form)
        code = view.watch(every_s) if watch else view.once(progress=not quiet)
    finally:
        ssh.close()
    raise SystemExit(code)


class _View:
    """Shows what the hosts tell."""

    def __init__(self, readings: "Readings", *, sort: str, top: int | None, form: str) -> None:
        self._readings = readings
        self._sort = sort
        self._top = top
        self._json = form == "json"

    def once(self, *, progress: bool) -> int:
        """Look, and print."""
        interrupted = self._readings.twice(progress=progress)
        self._print(indent=2)
        return self._exit_code(interrupted=interrupted)

    def watch(self, every_s: float) -> int:
        """Look again and again, until a signal comes."""
        from breakfix.engine.cli.at_hosts import is_terminal, on_signals

        over = threading.Event()
        ends = [over]

        def end() -> None:
            for event in ends:
                event.set()

        live = not self._json and is_terminal(sys.stdout)
        code = 0
        with on_signals(end), self._screen(wanted=live) as draw:
            while not over.is_set():
                began_s = time.monotonic()
                self._readings.once(lambda stop: ends.append(stop))
                del ends[1:]
                if over.is_set():
                    break
                code = self._exit_code(interrupted=False)
                draw() if live else self._print(indent=None)
                over.wait(max(0.0, began_s + every_s - time.monotonic()))
        if live:
            self._print(indent=None)
        return code

    def _shown(self, most: int | None) -> tuple[list["HostStatus"], int]:
        """The hosts that are shown, and how many more there are."""
        from breakfix.engine.cli.readings import ordered

        found = ordered(list(self._readings.statuses.values()), self._sort)
        bound = min((n for n in (most, self._top) if n is not None), default=len(found))
        return found[:bound], len(found) - len(found[:bound])

    def _print(self, indent: int | None) -> None:
        from breakfix.engine.cli import status_table
        from breakfix.engine.cli.answers import failures, tell
        from breakfix.reports.lines import printed

        answers = list(self._readings.answers.values())
        shown, left = self._shown(None)
        if self._json:
            write(sys.stdout, status_table.document(shown, answers, indent=indent) + "\n")
            return
        write(sys.stdout, printed(status_table.lines(shown, left), color=wants_color(sys.stdout)))
        tell(failures(answers), err=True)

    @contextlib.contextmanager
    def _screen(self, *, wanted: bool) -> "Iterator[Callable[[], None]]":
        """Draws the table over the one before."""
        if not wanted:
            yield lambda: None
            return
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        from breakfix.engine.cli import status_table
        from breakfix.reports.lines import printed

        console = Console(file=sys.stdout)
        with Live(console=console, screen=True, auto_refresh=False) as live:

            def draw() -> None:
                # The head, the line of what is left out, and that of what does not answer.
                shown, left = self._shown(max(1, console.size.height - _ROOM_ROWS))
                text = printed(status_table.lines(shown, left), color=True) + self._missing()
                live.update(Text.from_ansi(text), refresh=True)

            yield draw

    def _missing(self) -> str:
        from breakfix.reports.ranges import named

        names = [one.host for one in self._readings.answers.values() if one.state != "succeeded"]
        return f"  no answer from {named(names, most=4)}" if names else ""

    def _exit_code(self, *, interrupted: bool) -> int:
        from breakfix.engine.cli.answers import exit_code

        return exit_code(self._readings.answers.values(), interrupted=interrupted)
