"""``breakfix init``: a first scenario that runs as it is."""

from pathlib import Path
from typing import Final

import click

from breakfix.engine.errors import UsageError

EPILOG: Final = """\b
Examples:
  breakfix init
  breakfix init drills/first.yaml"""

FIRST: Final = """\
# A first drill. It starts a small web server, kills it, sees that somebody notices, starts it again,
# and proves that it answers. Run it with:
#
#   breakfix run {file}
#
# Then put your own system in its place: `breakfix actions` lists what can be broken, mended and probed.
version: 1
name: first_drill
description: A killed web server must answer again within 20 s.

targets:
  web:
    # A process target is started before the first step, and ended after the last. A container would
    # be `web: {{docker: {{name: my-container}}}}`.
    process: {{command: [python3, -m, http.server, "18575", --bind, 127.0.0.1], ready: answers}}

probes:
  answers: {{http.get: {{url: "http://127.0.0.1:18575/", status: 200}}, every: 200ms, timeout: 2s}}

steps:
  - id: kill
    inject: process.kill
    target: web
  - id: noticed
    detect: answers              # waits until the probe is bad
    depends_on: [kill]
    consecutive: 2
    within: 10s
  - id: start
    remediate: process.start
    target: web
    depends_on: [noticed]
  - id: whole
    verify: answers              # waits until the probe is good
    depends_on: [start]
    consecutive: 5
    within: 30s

expect:
  - {{fault: kill, detected_within: 5s}}
  - {{fault: kill, restored_within: 20s, healed_by: repair}}
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path), default=Path("first_drill.yaml"))
def command(file: Path) -> None:
    """Write a first scenario into FILE (first_drill.yaml); what is there already stays."""
    if file.is_dir():
        file = file / "first_drill.yaml"
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(FIRST.format(file=file))
    except FileExistsError:
        raise UsageError(f"{file} is there already.", hint="Name another file.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from error
    click.echo(f"Written to {file}. Run it with: breakfix run {file}")
