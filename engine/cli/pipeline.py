"""Which CI system runs this command, and what it is told beside the files.

GitHub Actions: `GITHUB_ACTIONS`, `GITHUB_WORKSPACE`, `GITHUB_STEP_SUMMARY` (docs.github.com, "Variables" and
"Workflow commands"). GitLab: `GITLAB_CI`, `CI_PROJECT_DIR` (docs.gitlab.com, "Predefined variables").
"""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from msgspec import Struct

from breakfix.engine.cli.output import write
from breakfix.engine.model import Problem
from breakfix.reports import annotations


class Pipeline(Struct, frozen=True, kw_only=True):
    """Where this runs. `root` is the folder of the repository, from which paths are told."""

    root: Path
    github: bool = False
    summary: Path | None = None
    """What is appended here, GitHub shows as the job's summary."""


def detected(environ: Mapping[str, str] | None = None) -> Pipeline:
    """The CI system that the environment tells of; none: the present folder is the root."""
    told = os.environ if environ is None else environ
    github = told.get("GITHUB_ACTIONS") == "true"
    root = told.get("GITHUB_WORKSPACE") if github else None
    if told.get("GITLAB_CI") == "true":
        root = told.get("CI_PROJECT_DIR")
    summary = told.get("GITHUB_STEP_SUMMARY")
    return Pipeline(
        root=Path(root) if root else Path.cwd(),
        github=github,
        summary=Path(summary) if summary else None,
    )


def tell(pipeline: Pipeline, problems: Sequence[Problem], summary: str) -> None:
    """Write annotations and the summary where the CI system takes them. What fails is said, and no more:
    the files of the gate hold all of it."""
    if pipeline.github:
        with contextlib.suppress(OSError):
            write(sys.stdout, annotations.github(problems, pipeline.root))
    if pipeline.summary is not None:
        try:
            with pipeline.summary.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(summary)
        except OSError as error:
            text = f"The job's summary cannot be written to {pipeline.summary}: {error.strerror}."
            click.echo(f"warning: {text}", err=True)
