"""``breakfix run``: run a scenario and show what it did."""

import contextlib
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import structs

from breakfix import __version__
from breakfix.engine.cli.history_options import (
    given_labels,
    history_option,
    label_option,
    warn_of_history,
)
from breakfix.engine.cli.push import gateway_option, pushed
from breakfix.engine.cli.scenario_options import Chosen, Outputs, choose, scenario_options
from breakfix.engine.errors import PreconditionError, UsageError
from breakfix.engine.history.place import place
from breakfix.engine.machine import refuse_if_halted
from breakfix.engine.model import Repeat, Scenario

if TYPE_CHECKING:
    from breakfix.engine.plan import WorldTargets
    from breakfix.engine.run.session import RunRequest
    from breakfix.engine.run_plan import RunPlan

EXAMPLES = """\b
Examples:
  breakfix run scenarios/demo.yaml
  breakfix run --yes --report out checkout.yaml
  breakfix run --no-faults checkout.yaml
  breakfix run --label version=1.4.2 --label branch=main checkout.yaml
  breakfix run --repeat 6 --report out checkout.yaml

\b
Exit codes: 0 passed, 1 failed, 2 bad input, 3 inconclusive or invalid,
4 aborted and clean, 5 engine error, 6 something was left behind."""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@scenario_options
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    metavar="PLAN",
    help="Run only if this plan, written by `breakfix plan --out`, still holds.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan; nothing is touched.")
@click.option("--no-faults", is_flag=True, help="Rehearse: probes only, no fault, no repair.")
@click.option(
    "--repeat",
    "times",
    type=click.IntRange(min=1),
    metavar="N",
    help="Make exactly N trials, whatever the file says of their number.",
)
@click.option(
    "--report",
    "report_dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the report in all formats into this folder.",
)
@label_option
@history_option
@gateway_option
@click.option("--wait", is_flag=True, help="Wait for targets that another run has.")
@click.option("--yes", is_flag=True, help="Do not ask before real targets are touched.")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Run the scenario in FILE: break, watch, mend, verify, report."""
    dry_run, no_faults = options.pop("dry_run"), options.pop("no_faults")
    outputs = Outputs(report_dir=options.pop("report_dir"), gateway=options.pop("gateway"))
    plan_file, wait = options.pop("plan_file"), options.pop("wait")
    times, yes = options.pop("times"), options.pop("yes")
    labels, history = given_labels(options.pop("labels")), options.pop("history")
    place(history)
    refuse_if_halted()
    chosen = choose(**options)
    from breakfix.engine import catalogue, plan
    from breakfix.engine.cli.plan import shown, tell_power

    planned = plan.load(plan_file) if plan_file is not None else None
    if planned is not None:
        chosen = structs.replace(chosen, seed=planned.seed)
    targets = context.with_resource(plan.WorldTargets(chosen.scenario))
    actions = catalogue.load(plan.action_names(chosen.scenario))
    preview = None
    try:
        preview = plan.make(
            chosen.scenario, targets, actions, seed=chosen.seed, inputs=chosen.inputs
        )
    except PreconditionError:
        # Who waits for another run cannot know yet in which state that leaves the targets.
        if dry_run or not wait:
            raise
    for warning in (*chosen.warnings, *(preview.warnings if preview is not None else ())):
        click.echo(f"warning: {warning}", err=True)
    if dry_run and preview is not None:
        click.echo(shown(preview, "text"))
        repeat = repeat_of(chosen.scenario.repeat, times)
        tell_power(structs.replace(chosen.scenario, repeat=repeat), chosen.env, history)
        return
    _confirm(chosen, yes=yes)
    request = structs.replace(
        request_of(chosen, planned, no_faults=no_faults, wait=wait), labels=labels, history=history
    )
    repeat = repeat_of(chosen.scenario.repeat, times)
    whole = request.command if times is None else f"{request.command} --repeat {times}"
    if chosen.scenario.repeat is not None:
        # What a report of one run repeats is that run.
        request = structs.replace(request, command=f"{request.command} --repeat 1")
    if repeat.at_most > 1:
        from breakfix.engine.cli.trials import execute

        execute(request, repeat, whole, outputs, verbosity=context.obj["verbosity"])
    _execute(context, request, targets, outputs)


def repeat_of(of_file: Repeat | None, times: int | None) -> Repeat:
    """How many trials are made: what the command line says wins over the file."""
    repeat = of_file or Repeat(times=1)
    return repeat if times is None else structs.replace(repeat, times=times, up_to=times)


def real_targets(scenario: Scenario) -> list[str]:
    """The targets that breakfix does not start itself."""
    return [name for name, target in scenario.targets.items() if target.process is None]


def _confirm(chosen: Chosen, *, yes: bool) -> None:
    real = real_targets(chosen.scenario)
    if yes or not real:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this run touches {', '.join(real)}.", hint="Say --yes.")
    click.confirm(f"This run breaks {', '.join(real)}. Go on?", abort=True)


def request_of(
    chosen: Chosen,
    planned: "RunPlan | None" = None,
    *,
    no_faults: bool = False,
    wait: bool = False,
) -> "RunRequest":
    """What a run is asked to do, and the command that repeats it."""
    from breakfix.engine.run.session import RunRequest

    replay = ["breakfix", "run", str(chosen.file), "--seed", str(chosen.seed)]
    for name, value in chosen.inputs.items():
        replay += ["--input", f"{name}={value}"]
    return RunRequest(
        scenario=chosen.scenario,
        file=str(chosen.file),
        file_sha256=chosen.file_sha256,
        inputs=chosen.inputs,
        seed=chosen.seed,
        env=chosen.env,
        no_faults=no_faults,
        command=shlex.join(replay),
        versions={
            "breakfix": __version__,
            "python": platform.python_version(),
            "kernel": platform.release(),
        },
        planned=planned,
        wait=wait,
    )


def _execute(
    context: click.Context,
    request: "RunRequest",
    targets: "WorldTargets",
    outputs: Outputs,
) -> None:
    from breakfix import reports
    from breakfix.engine.cli.live import LiveView
    from breakfix.engine.cli.report import show
    from breakfix.engine.run.session import run

    with LiveView(verbosity=context.obj["verbosity"]) as view:
        done = run(request, targets, [view.on_line])
    warn_of_history(done)
    if outputs.report_dir is not None:
        reports.write_all(done.record, done.verdict, outputs.report_dir)
    # Whoever reads our output may have gone; the exit code still counts.
    with contextlib.suppress(OSError):
        show(done.record, done.verdict)
        if outputs.report_dir is not None:
            click.echo(f"The report is in {outputs.report_dir}; the journal is {done.folder}.")
    code = done.verdict.exit_code
    if outputs.gateway:
        from breakfix.engine.verdict import heaviest

        code = heaviest([code, pushed([(done.record, done.verdict)], outputs.gateway)])
    raise SystemExit(code)
