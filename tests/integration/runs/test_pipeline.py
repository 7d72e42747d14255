"""The shipped pipelines as a CI system runs them: their own scripts, in a fresh git repository."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import junitparser
import pytest
from ruamel.yaml import YAML
from tests.integration.runs.scenario_texts import MENDED

ROOT = Path(__file__).parents[3]
GREEN = MENDED.replace("    steps:\n", "    observe: [up]\n    cooldown: 300ms\n    steps:\n")
RED = GREEN.replace("restored_within: 30s", "restored_within: 1ms")
INCONCLUSIVE = GREEN + "      - {probe: up, availability: 99.9%, during: after}\n"
INVALID = GREEN.replace("steady: [{probe: up, within: 30s}]", "steady: [{probe: up, for: 1s, within: 50ms}]")


class Repository:
    """A fresh repository with scenarios under drills/, and a shell as a CI system has it."""

    def __init__(self, cli: Any) -> None:
        self.folder: Path = cli.folder / "repository"
        (self.folder / "drills").mkdir(parents=True)
        programs = cli.folder / "bin"
        programs.mkdir()
        command = programs / "breakfix"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m breakfix "$@"\n')
        command.chmod(0o755)
        kept = {n: v for n, v in cli.environ.items() if not n.startswith(("GITHUB_", "GITLAB_", "CI_"))}
        self.environ = {**kept, "PATH": f"{programs}:{kept['PATH']}"}
        self.bound_s = cli.bound_s
        self._git("init", "-q")

    def _git(self, *args: str) -> None:
        identity = ["-c", "user.name=drill", "-c", "user.email=drill@example.invalid"]
        subprocess.run(["git", *identity, *args], cwd=self.folder, check=True, capture_output=True)

    def commit(self, text: str, name: str) -> None:
        """A scenario in the repository."""
        (self.folder / "drills" / name).write_text(textwrap.dedent(text).lstrip())
        self._git("add", "-A")
        self._git("commit", "-qm", name)

    def shell(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a script as GitHub and GitLab do: bash, ending with the first command that fails."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder, env={**self.environ, **environ}, capture_output=True, text=True,
            timeout=self.bound_s, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def out(self, name: str) -> Path:
        """A file of the gate."""
        return self.folder / "breakfix-gate" / name


@pytest.fixture
def repository(cli: Any) -> Repository:
    """A fresh repository."""
    assert shutil.which("git") and shutil.which("bash")
    return Repository(cli)


def of_action(repository: Repository, files: str) -> subprocess.CompletedProcess[str]:
    """Run the composite action's own script, with the environment that GitHub gives it."""
    action = YAML(typ="safe", pure=True).load((ROOT / "action.yml").read_text())
    (step,) = [one for one in action["runs"]["steps"] if one.get("id") == "gate"]
    values = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
    values["files"] = files
    environ = {
        name: values[text.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, text in step["env"].items()
    }
    for name in ("summary.md", "output"):
        (repository.folder.parent / name).write_text("")
    return repository.shell(
        step["run"],
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(repository.folder),
        GITHUB_STEP_SUMMARY=str(repository.folder.parent / "summary.md"),
        GITHUB_OUTPUT=str(repository.folder.parent / "output"),
        **environ,
    )


@pytest.mark.parametrize(
    ("text", "code", "word", "annotation"),
    [
        (GREEN, 0, "passed", ""),
        (RED, 1, "failed", "::error file=drills/worker.yaml,line=16,col=5,title=breakfix::failed"),
        (
            INCONCLUSIVE, 3, "inconclusive",
            "::warning file=drills/worker.yaml,line=17,col=5,title=breakfix::inconclusive",
        ),
        (
            INVALID, 3, "invalid",
            "::warning file=drills/worker.yaml,line=1,col=1,title=breakfix::invalid",
        ),
    ],
    ids=["green", "red", "inconclusive", "invalid"],
)  # fmt: skip
def test_the_action_ends_as_the_system_did(
    repository: Repository, text: str, code: int, word: str, annotation: str
) -> None:
    """Exit code, summary, annotations, test cases and files are right; only the green one looks green."""
    repository.commit(text, "worker.yaml")
    done = of_action(repository, "drills/*.yaml")
    assert done.returncode == code, done.stdout + done.stderr
    assert (repository.folder.parent / "output").read_text() == f"exit-code={code}\n"
    commands = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert bool(commands) == bool(annotation)
    assert not annotation or commands[0].startswith(annotation), commands
    summary = (repository.folder.parent / "summary.md").read_text()
    assert summary == repository.out("summary.md").read_text()
    assert "mended: " in summary and f" {word}" in summary.splitlines()[0]
    made = json.loads(repository.out("summary.json").read_text())
    assert (made["verdict"], made["exit_code"]) == (word, code)
    suites = list(junitparser.JUnitXml.fromfile(str(repository.out("junit.xml"))))
    assert sum(suite.failures for suite in suites) == (2 if code == 1 else 0)
    assert any(suite.errors for suite in suites) == (code == 3)
    assert repository.out("mended/report.html").is_file()
    assert repository.out("metrics.prom").read_text().endswith("# EOF\n")


def test_the_action_tells_bad_input_on_its_line(repository: Repository) -> None:
    """A typo is an annotation, the exit code is 2, and nothing was run."""
    repository.commit(GREEN, "worker.yaml")
    repository.commit(GREEN.replace("within: 30s, heal", "wihtin: 30s, heal"), "typo.yaml")
    done = of_action(repository, "drills/*.yaml")
    assert done.returncode == 2
    assert "::error file=drills/typo.yaml,line=16," in done.stdout
    assert not (repository.folder.parent / "home" / "runs").exists()


def test_the_gitlab_job_leaves_what_its_artifacts_name(repository: Repository) -> None:
    """Its own script, trials and all; the reports that GitLab reads are there, with pictures by their URL."""
    repository.commit(GREEN.replace("name: worker", "allowed_on: [ci]\n    name: worker"), "worker.yaml")
    (job,) = YAML(typ="safe", pure=True).load((ROOT / "docs/ci/gitlab-ci.yml").read_text()).values()
    # One trial instead of six: what is asked here does not depend on how many there are.
    script = "\n".join(job["script"]).replace("--repeat 6", "--repeat 1")
    assert "--repeat 1" in script
    done = repository.shell(
        script,
        GITLAB_CI="true",
        CI_PROJECT_DIR=str(repository.folder),
        CI_JOB_URL="https://gitlab.example/jobs/7",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for path in job["artifacts"]["reports"].values():
        assert (repository.folder / path).is_file()
    assert json.loads(repository.out("code-quality.json").read_text()) == []
    picture = "<https://gitlab.example/jobs/7/artifacts/raw/breakfix-gate/mended/timeline.svg>"
    assert picture in repository.out("summary.md").read_text()
