"""``breakfix gate``: one command for a pipeline. Validates all, runs all, writes all into one folder."""

import contextlib
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from breakfix import __version__
from breakfix.engine.cli.history_options import (
    against_of,
    against_options,
    given_labels,
    history_option,
    label_option,
)
from breakfix.engine.cli.output import write
from breakfix.engine.cli.push import gateway_option, push
from breakfix.engine.cli.scenario_options import given_inputs, input_options
from breakfix.engine.errors import BreakfixError, UsageError
from breakfix.engine.history.place import place
from breakfix.engine.machine import refuse_if_halted

if TYPE_CHECKING:
    from breakfix.engine.cli.gate_prepare import Ready
    from breakfix.engine.cli.gate_runs import Ran
    from breakfix.engine.gate import GateRecord

EXAMPLES = """\b
Examples:
  breakfix gate drills/*.yaml
  breakfix gate --repeat 6 --env ci --yes drills/checkout.yaml
  breakfix gate --repeat 6 --against home --where branch=main drills/*.yaml
  breakfix gate --push-gateway http://pushgateway:9091 drills/*.yaml

\b
Exit code, the heaviest of all files: 0 passed, 1 failed, 2 bad input,
3 inconclusive or invalid, 4 aborted and clean, 5 engine error, 6 something
was left behind."""

_FILES: Final = ("summary.md", "junit.xml", "metrics.prom", "annotations.txt", "code-quality.json")


@click.command(epilog=EXAMPLES)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@input_options
@click.option("--env", default="", help="Where this runs: one of each file's `allowed_on`.")
@click.option("--seed", type=int, help="Repeats a random choice.")
@click.option(
    "--repeat",
    "times",
    type=click.IntRange(min=1),
    metavar="N",
    help="Make exactly N trials of each file, whatever it says of their number.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("breakfix-gate"),
    show_default=True,
    metavar="DIR",
    help="Write everything into this folder; what an earlier gate wrote there is replaced.",
)
@click.option(
    "--pictures",
    default="",
    metavar="URL",
    help="Where DIR will be found: the summary then shows pictures from there instead of Mermaid charts.",
)
@label_option
@history_option
@against_options
@gateway_option
@click.option("--yes", is_flag=True, help="Do not ask before real targets are touched.")
@click.pass_context
def command(context: click.Context, /, files: tuple[Path, ...], **options: Any) -> None:
    """Validate all FILES, run each, and write reports, summary, JUnit XML, metrics and annotations.

    Nothing is run unless everything can be. No trial is made again because of its verdict."""
    from breakfix.engine.cli.gate_prepare import Asked, Ready, prepare

    labels = given_labels(options["labels"])
    against, row = against_of(options)
    place(options["history"])
    refuse_if_halted()
    began_wall_s = time.time()
    inputs = given_inputs(options["given"], options["file"])
    out: Path = options["out"]
    _clear(out)
    asked = Asked(
        inputs=inputs,
        env=options["env"],
        seed=options["seed"],
        times=options["times"],
        yes=options["yes"],
        labels=labels,
        history=options["history"],
        against=against,
        row=row,
    )
    prepared = prepare(files, asked)
    ready = [one for one in prepared if isinstance(one, Ready)]
    if len(ready) < len(prepared):
        from breakfix.engine.cli.gate_runs import refused

        ran = refused(prepared)
    else:
        _confirm(ready, yes=asked.yes)
        ran = _run(ready, out, options["pictures"], verbosity=context.obj["verbosity"])
    gate = _finish(ran, out, began_wall_s, options["gateway"])
    raise SystemExit(gate.exit_code)


def _clear(out: Path) -> None:
    """Remove what an earlier gate wrote; refuse any other folder that is not empty. Raises UsageError."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    import msgspec

    from breakfix.engine.gate import SUMMARY, GateRecord

    try:
        before = msgspec.json.decode((out / SUMMARY).read_bytes(), type=GateRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{out} is not empty, and no gate wrote it.", hint="Name another folder by --out."
        ) from error
    for name in {one.folder for one in before.files if one.folder}:
        if Path(name).name == name and (out / name).is_dir():
            shutil.rmtree(out / name)
    for name in (SUMMARY, *_FILES):
        (out / name).unlink(missing_ok=True)


def _confirm(ready: Sequence["Ready"], *, yes: bool) -> None:
    from breakfix.engine.cli.run import real_targets

    real = [
        f"{name} ({one.file})" for one in ready for name in real_targets(one.request.scenario)
    ]
    if real and not yes and sys.stdin.isatty():
        click.confirm(f"This breaks {', '.join(real)}. Go on?", abort=True)


def _run(ready: Sequence["Ready"], out: Path, pictures: str, *, verbosity: int) -> "list[Ran]":
    from breakfix.engine.cli.gate_runs import run_all

    for one in ready:
        for warning in one.warnings:
            click.echo(str(warning), err=True)
        for line in _power(one):
            click.echo(f"{one.file}: {line}", err=True)
    return run_all(ready, out, pictures, verbosity=verbosity)


def _power(ready: "Ready") -> Sequence[str]:
    """What a comparison with earlier runs can show, where one is asked for."""
    from msgspec import structs

    from breakfix.engine.cli.power import power_lines

    request = ready.request
    if all(item.not_worse_than is None for item in request.scenario.expect):
        return ()
    scenario = structs.replace(request.scenario, repeat=ready.repeat)
    return tuple(power_lines(scenario, request.env, request.against or request.history))


def _finish(ran: "Sequence[Ran]", out: Path, began_wall_s: float, gateway: str) -> "GateRecord":
    """Push the metrics, write all that is about all files, and tell the CI system and people."""
    from breakfix.engine.cli.pipeline import detected, tell
    from breakfix.engine.gate import SUMMARY, summed, troubled
    from breakfix.reports import annotations, gate, json, write_files

    shown = [one.shown for one in ran]
    made = summed(
        [one.file for one in shown],
        version=__version__,
        began_wall_s=began_wall_s,
        ended_wall_s=time.time(),
    )
    made = troubled(made, _pushed(ran, gateway))
    pipeline = detected()
    problems = [problem for one in ran for problem in one.problems]
    summary = gate.summary(made, shown)
    contents = {
        "summary.md": summary,
        "junit.xml": gate.junit_xml(made, shown),
        "metrics.prom": gate.metrics(shown),
        "annotations.txt": annotations.lines(problems, pipeline.root),
        "code-quality.json": annotations.gitlab(problems, pipeline.root),
        # The last: where it is there, everything is.
        SUMMARY: json.document(made),
    }
    write_files(contents, out)
    tell(pipeline, problems, summary)
    # On GitHub the annotations are in the log already.
    _say(made, "" if pipeline.github else contents["annotations.txt"], out)
    return made


def _pushed(ran: "Sequence[Ran]", gateway: str) -> list[str]:
    """What went wrong with the push; empty where all is well, or nothing is to be pushed."""
    if not gateway:
        return []
    try:
        push((run for one in ran for run in one.shown.runs), gateway)
    except BreakfixError as error:
        return [str(error)]
    return []


def _say(made: "GateRecord", problems: str, out: Path) -> None:
    """In the end: the problems by their lines, a line for each file, and the verdict."""

    text = problems
    for file in made.files:
        word = file.verdict.replace("_", " ")
        text += f"{file.scenario or file.file}: {word}. {file.reason}\n"
    text += "".join(f"{trouble}\n" for trouble in made.trouble)
    text += f"{made.verdict.replace('_', ' ')} (exit code {made.exit_code}). All of it is in {out}.\n"
    # Whoever reads our output may have gone; the exit code still counts.
    with contextlib.suppress(OSError):
        write(sys.stdout, text)
