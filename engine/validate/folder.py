"""The folder of a scenario: its commands run there, and the paths in it are relative to it."""

from pathlib import Path
from typing import TypeVar

from msgspec import structs

from breakfix.engine.model import LocalCommand, Scenario, Target
from breakfix.engine.selectors import DockerEngine, SshLogin
from breakfix.engine.targets.ssh_config import expanded

Login = TypeVar("Login", bound=SshLogin)


def anchored(scenario: Scenario, folder: Path) -> Scenario:
    """The scenario with the absolute folder of each command, and the absolute path of each key, known_hosts
    and inventory, written out.

    So a scenario and what lies beside it work from wherever they are called, and whoever ends the run
    later, from a journal, needs to know nothing of the file.
    """
    folder = folder.absolute()

    def command(given: LocalCommand) -> LocalCommand:
        return structs.replace(given, cwd=str(folder / given.cwd))

    def target(given: Target) -> Target:
        if given.ssh is not None:
            return structs.replace(given, ssh=login(given.ssh))
        if given.process is None:
            return given
        process = structs.replace(given.process, cwd=str(folder / given.process.cwd))
        return structs.replace(given, process=process)

    def login(given: Login) -> Login:
        paths = {key: getattr(given, key, None) for key in ("key", "known_hosts", "hosts_file")}
        written = {
            key: str(folder / expanded(path))
            for key, path in paths.items()
            if path is not None
        }
        return structs.replace(given, **written)

    def engine(given: DockerEngine) -> DockerEngine:
        return structs.replace(given, ssh=login(given.ssh))

    return structs.replace(
        scenario,
        engines={name: engine(given) for name, given in scenario.engines.items()},
        setup=tuple(map(command, scenario.setup)),
        teardown=tuple(map(command, scenario.teardown)),
        targets={name: target(given) for name, given in scenario.targets.items()},
    )
