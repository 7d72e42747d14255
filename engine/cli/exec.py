"""``breakfix exec``: one command on many hosts."""

import sys
import time
from typing import Any, Final

import click

from breakfix.engine.cli.host_options import choose_hosts, duration_s, host_options
from breakfix.engine.cli.output import form_option
from breakfix.engine.errors import UsageError

EPILOG: Final = """\b
Examples:
  breakfix exec --hosts db-1,db-2 -- uptime
  breakfix exec fleet.yaml --target db -- systemctl is-active postgresql
  breakfix exec --inventory hosts.ini --group web --sudo -- sh -c 'df -h / | tail -1'

The command is an argv, not a line of a shell; for a pipe, say sh -c '...'.

\b
Exit codes:
  0  it succeeded on all hosts
  1  it failed on some, or took too long
  2  the command line is wrong
  4  it was interrupted; what had answered is printed
  5  some hosts were not reached"""


class _WithArgv(click.Command):
    """What stands behind ``--`` is the command for the hosts, and none of our options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        argv: list[str] = []
        if "--" in args:
            at = args.index("--")
            args, argv = args[:at], args[at + 1 :]
        ctx.obj = {**(ctx.obj or {}), "argv": tuple(argv)}
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "-- COMMAND [ARG]..."]


@click.command(cls=_WithArgv, epilog=EPILOG)
@host_options
@click.option("--timeout", default="60s", show_default=True, help="How long the command may take.")
@click.option("--sudo", is_flag=True, help="Run it as root, by `sudo -n`.")
@form_option(["text", "json"])
@click.pass_context
def command(
    context: click.Context, /, timeout: str, sudo: bool, form: str, concurrency: int, **options: Any
) -> None:
    """Run a command on every host, so many at a time; equal outputs are shown once.

    The hosts are those of a SCENARIO's targets (all that they mean, whatever `pick` says), of an inventory,
    or a list. Ctrl-C ends the commands at work on their hosts."""
    argv: tuple[str, ...] = context.obj["argv"]
    if not argv:
        raise UsageError("There is no command.", hint="Say it behind `--`: ... -- uptime")
    timeout_s = duration_s("--timeout", timeout)
    targets, file = options.pop("targets"), options.pop("file")
    chosen = choose_hosts(file, targets, **options)

    from breakfix.engine.batch import Batch
    from breakfix.engine.cli import answers
    from breakfix.engine.cli.at_hosts import Told, ask_all
    from breakfix.engine.ops import ExecOp
    from breakfix.engine.vehicles.ssh.pool import SshHosts

    op = ExecOp(via="ssh", argv=argv, sudo=sudo, timeout_s=timeout_s)
    ssh = SshHosts(chosen.hosts, chosen.secrets.reveal)
    told, began_s = Told(), time.monotonic()
    try:
        batch = Batch(ssh, lambda host: op, concurrency=concurrency, mask=chosen.secrets.mask)
        quiet = context.obj.get("verbosity", 0) < 0
        ask_all(batch, list(chosen.hosts), told, progress=not quiet)
    finally:
        ssh.close()
    took_s = time.monotonic() - began_s
    found = list(told.answers.values())
    if form == "json":
        more = {"command": argv, "sudo": sudo, "interrupted": told.interrupted, "took_s": took_s}
        click.echo(answers.document(found, chosen.hosts, **more))
    else:
        answers.tell(answers.successes(found))
        sys.stdout.flush()
        answers.tell((*answers.failures(found), answers.summary(found, took_s)), err=True)
    raise SystemExit(answers.exit_code(found, interrupted=told.interrupted))
