"""The residue certificate of a run on a real container."""

from typing import Any

LIMITED = """
    version: 1
    name: limited
    targets:
      app: {docker: {name: NAME}}
    probes:
      runs: {docker.state: {}, target: app, every: 100ms, timeout: 5s}
    steps:
      - {id: limit, inject: docker.limit_pids, target: app, with: {pids_count: 50}}
      - {id: whole, verify: runs, depends_on: [limit], within: 30s}
"""


def test_a_container_is_as_before(cli: Any, container: Any) -> None:
    """Surveyed before the first effect and after the last undo: nothing differs."""
    one = container()
    done = cli.run("run", "--yes", cli.write(LIMITED.replace("NAME", one.name)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 targets as before" in done.stdout
    before, after = cli.events("surveyed")
    assert before["targets"] == after["targets"]


def test_what_was_changed_meanwhile_is_listed_and_ends_with_6(cli: Any, container: Any) -> None:
    """Whoever did it: it is not as it was, and the report says which field."""
    one = container()
    text = LIMITED.replace("NAME", one.name) + (
        "      - {id: meddle, remediate: command.run, depends_on: [whole],"
        f" with: {{argv: [docker, update, --memory, 64m, --memory-swap, 64m, {one.name}]}}}}\n"
    )
    done = cli.run("run", "--yes", cli.write(text))
    assert done.returncode == 6, done.stdout + done.stderr
    assert f"{one.name}, memory: was unlimited, is 67108864" in done.stdout
