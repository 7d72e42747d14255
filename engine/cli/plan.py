"""``breakfix plan``: show what a scenario would do, without doing any of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from breakfix.engine.cli.history_options import history_option
from breakfix.engine.cli.output import form_option
from breakfix.engine.cli.scenario_options import choose, scenario_options

if TYPE_CHECKING:
    from breakfix.engine.model import Scenario
    from breakfix.engine.run_plan import RunPlan

EXAMPLES: Final = """\b
Examples:
  breakfix plan scenarios/demo.yaml
  breakfix plan --seed 7 --out plan.json checkout.yaml
  breakfix plan --format mermaid checkout.yaml

\b
Exit codes: 0 there is a plan, 2 bad input, an empty set or a conflict, 5 no engine."""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@scenario_options
@form_option(["text", "json", "mermaid", "dot"])
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the plan into this file, for `breakfix run --plan`.",
)
@history_option
def command(form: str, out: Path | None, history: str, **options: Any) -> None:
    """Show every step of FILE with its targets, its commands and their undo; nothing is touched."""
    chosen = choose(**options)
    from breakfix.engine import catalogue, plan

    actions = catalogue.load(plan.action_names(chosen.scenario))
    with plan.WorldTargets(chosen.scenario) as targets:
        made = plan.make(
            chosen.scenario, targets, actions, seed=chosen.seed, inputs=chosen.inputs
        )
    for warning in chosen.warnings:
        click.echo(warning, err=True)
    if out is not None:
        plan.save(made, out)
    click.echo(shown(made, form))
    if form == "text":
        tell_power(chosen.scenario, chosen.env, history)
    if out is not None and form == "text":
        click.echo(f"Written to {out}.")


def tell_power(scenario: "Scenario", env: str, history: str) -> None:
    """Say what its expectations about earlier runs can tell."""
    if all(item.not_worse_than is None for item in scenario.expect):
        return
    from breakfix.engine.cli.power import power_lines

    click.echo("Against earlier runs")
    for line in power_lines(scenario, env, history):
        click.echo(f"  {line}")


def shown(made: "RunPlan", form: str) -> str:
    """A plan in one of the formats."""
    if form == "json":
        from breakfix.engine.plan.plan_file import as_json

        return as_json(made)
    if form == "text":
        from breakfix.reports import plan_text

        return plan_text.render(made)
    from breakfix.reports import plan_graph

    return plan_graph.mermaid(made) if form == "mermaid" else plan_graph.dot(made)
