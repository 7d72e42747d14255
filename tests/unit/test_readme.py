"""What the README says is so."""

import re
from pathlib import Path

from breakfix.engine.cli import COMMANDS
from breakfix.engine.validate import check

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_its_scenario_is_valid(tmp_path: Path) -> None:
    """As it stands there."""
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "readme.yaml"
    path.write_text(text)
    assert check(path, {}).problems == ()


def test_every_command_is_named() -> None:
    """And none that is not there."""
    named = set(re.findall(r"\| `breakfix ([a-z]+)", README))
    assert named == set(COMMANDS)


def test_every_shipped_scenario_is_named() -> None:
    """With a line that says what happens."""
    shipped = {path.stem for path in (ROOT / "scenarios").glob("*.yaml")}
    assert shipped == set(re.findall(r"^\| `([a-z_]+)` \|", README, re.MULTILINE))


def test_its_links_lead_somewhere() -> None:
    """Files of this repository."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
