"""``breakfix run``: run a scenario and show what it did."""

from pathlib import Path
from typing import Any

import click
from breakfix.engine.cli.scenario_options import choose, scenario_options

EXAMPLES = """\b
Examples:
  breakfix run scenarios/demo.yaml
  breakfix run --yes --report out scenarios/container_kill.yaml
  breakfix run --dry-run scenarios/container_kill.yaml
  breakfix run --input url=http://127.0.0.1:8080/health checkout.yaml

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
    "--report",
    "report_dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the report in all formats into this folder.",
)
@click.option("--yes", is_flag=True, help="Do not ask before real targets are touched.")
@click.pass_context
def command(
    context: click.Context,
    file: Path,
    *,
    plan_file: Path | None,
    dry_run: bool,
    no_faults: bool,
    report_dir: Path | None,
    yes: bool,
    **options: Any,
) -> None:
    """Run the scenario in FILE: break, watch, mend, verify, report."""
    chosen = choose(file, **options)
    from breakfix.engine.cli.plan import show

    from breakfix.engine import plan as planning

    targets = planning.WorldTargets()
    preview = planning.make(chosen.scenario, targets, seed=chosen.seed, inputs=chosen.inputs)
    if dry_run:
        click.echo(show(preview))
        return
    planned = planning.load(plan_file) if plan_file is not None else None
    if planned is not None:
        planning.refuse_drift(preview, planned)
    confirm(preview, yes=yes)
    execute(context, chosen, targets, planned=planned, no_faults=no_faults, report_dir=report_dir)
