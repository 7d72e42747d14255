"""The folder of a scenario: its commands run there, from wherever breakfix is called."""

from pathlib import Path

from breakfix.engine.model import LocalCommand, Scenario, Step, Target
from breakfix.engine.selectors import ProcessTarget
from breakfix.engine.validate.folder import anchored


def test_commands_run_in_the_folder_of_the_file(tmp_path: Path) -> None:
    """A `cwd` is relative to it; an absolute one stays; other targets are left alone."""
    scenario = Scenario(
        version=1,
        name="x",
        targets={
            "here": Target(process=ProcessTarget(command=("a",))),
            "below": Target(process=ProcessTarget(command=("a",), cwd="sub")),
            "there": Target(process=ProcessTarget(command=("a",), cwd="/srv")),
            "rest": Target(of="here"),
        },
        setup=(LocalCommand(run=("a",)),),
        teardown=(LocalCommand(run=("a",), cwd="sub"),),
        steps=(Step(id="s", wait="1s"),),
    )
    given = anchored(scenario, tmp_path)
    folders = {name: t.process.cwd for name, t in given.targets.items() if t.process}
    assert folders == {"here": str(tmp_path), "below": str(tmp_path / "sub"), "there": "/srv"}
    assert given.targets["rest"] == scenario.targets["rest"]
    assert [command.cwd for command in given.setup + given.teardown] == [
        str(tmp_path),
        str(tmp_path / "sub"),
    ]
