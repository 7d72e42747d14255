"""The folder of a scenario: its commands run there, and their `cwd` is relative to it."""

from pathlib import Path

from msgspec import structs

from breakfix.engine.model import LocalCommand, Scenario, Target


def anchored(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with the absolute folder of each command written out.

    So a scenario and what lies beside it work from wherever they are called, and whoever ends the run
    later, from a journal, needs to know nothing of the file.
    """
    folder = folder.absolute()

    def command(given: LocalCommand) -> LocalCommand:
        return structs.replace(given, cwd=str(folder / given.cwd))

    def target(given: Target) -> Target:
        if given.process is None:
            return given
        process = structs.replace(given.process, cwd=str(folder / given.process.cwd))
        return structs.replace(given, process=process)

    return structs.replace(
        scenario,
        setup=tuple(map(command, scenario.setup)),
        teardown=tuple(map(command, scenario.teardown)),
        targets={name: target(given) for name, given in scenario.targets.items()},
    )
