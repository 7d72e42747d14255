"""Validation of files: every problem at once, each with its place and what to do about it."""

import textwrap
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakfix.engine.errors import DocumentError
from breakfix.engine.validate import check, load

SCENARIOS = Path(__file__).parents[3] / "scenarios"
GOOD = """
version: 1
name: good
targets:
  app: {process: {command: [sleep, "600"]}}
probes:
  up: {process.running: {}, target: app, every: 100ms}
steps:
  - {id: kill, inject: process.kill, target: app}
  - {id: noticed, detect: up, depends_on: [kill], within: 10s}
  - {id: start, remediate: process.start, target: app, depends_on: [noticed]}
  - {id: whole, verify: up, depends_on: [start], within: 30s}
expect:
  - {fault: kill, restored_within: 30s}
"""


def problems(folder: Path, text: str, **inputs: Any) -> list[str]:
    """The problems of a file, without its name: ``LINE:COLUMN: message (hint)``."""
    path = folder / "s.yaml"
    path.write_text(textwrap.dedent(text))
    return [str(p).removeprefix(f"{path}:") for p in check(path, inputs).problems]


def test_a_good_file_has_no_problem(tmp_path: Path) -> None:
    """And gives a scenario whose commands run in the folder of the file."""
    path = tmp_path / "s.yaml"
    path.write_text(GOOD)
    scenario = load(path, {}).scenario
    assert scenario is not None
    process = scenario.targets["app"].process
    assert process is not None
    assert Path(process.cwd) == tmp_path


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_scenarios_are_valid(path: Path) -> None:
    """Without a problem, warnings included."""
    assert check(path, {}).problems == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("within: 10s", "wihtin: 10s"), "10:51: unknown key 'wihtin' (did you mean 'within'?)"),
        (("within: 10s", "within: 10"), "10:59: expected a duration with its unit, such as 200ms, 30s or 1m30s, got 10 (a number needs its unit: 10s?)"),
        (("within: 10s", "within: soon"), "10:59: expected a duration with its unit"),
        (("every: 100ms", "every: 1.5"), "a number needs its unit: 1.5s?"),
        (("process.kill, target: app", "process.kil, target: app"), "there is no action process.kil. (Did you mean process.kill?)"),
        (("inject: process.kill, target: app", "inject: process.kill, target: ap"), "there is no target 'ap'"),
        (("detect: up", "detect: upp"), "there is no probe 'upp'"),
        (("depends_on: [kill]", "depends_on: [kil]"), "there is no step 'kil'"),
        (("fault: kill", "fault: start"), "'start' is no inject step"),
        (("version: 1", "version: 2"), "2:10: expected 1, got 2"),
        (("name: good", "name: Good One"), "expected an id"),
        (("name: good", "nam: good"), "the key 'name' is missing"),
        (("steps:", "setps:"), "unknown key 'setps' (did you mean 'steps'?)"),
        (("process.running: {}", "process.running: {nope: 1}"), "7:26: unknown key 'nope'"),
        (("{process.running: {}, target", "{target"), "a probe names one action"),
        (("{fault: kill, restored_within: 30s}", "fault: kill\n    restored_within:"), "the key 'restored_within' has no value"),
        (("id: whole", "id: start"), "the id 'start' stands twice"),
        (("command: [sleep, \"600\"]", "command: []"), "this must not be empty"),
        (("command: [sleep, \"600\"]", "command: [sleep, 600]"), "expected text, got 600"),
    ],
)  # fmt: skip
def test_what_is_said_of_one_mistake(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """The place, what was expected, what was found, and a suggestion."""
    found = problems(tmp_path, GOOD.replace(*change, 1))
    assert any(said in problem for problem in found), found


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Whatever their sort, in the order of the file, and one does not hide another."""
    text = """
    version: 1
    name: x
    colour: red
    inputs:
      n: {type: whole}
    targets:
      app: {proces: {command: [x]}}
    probes:
      up: {http.get: {urll: "http://x"}, every: 1}
    steps:
      - {id: a, inject: docker.kil, target: nope}
      - {id: b, wait: 5}
      - {id: c, verify: zz, depends_on: [q], within: 1s}
    """
    found = "\n".join(problems(tmp_path, text))
    for said in (
        "4:1: unknown key 'colour'",
        "6:13: expected one of",
        "8:9: unknown key 'proces' (did you mean 'process'?)",
        "unknown key 'urll' (did you mean 'url'?)",
        "the key 'url' is missing",
        "10:45: expected a duration",
        "there is no action docker.kil.",
        "there is no target 'nope'",
        "13:19: expected a duration",
        "there is no probe 'zz'",
        "there is no step 'q'",
    ):
        assert said in found, (said, found)


def test_keys_that_begin_with_x_are_nobodys_business(tmp_path: Path) -> None:
    """Wherever a mapping of ours stands; headers keep theirs."""
    text = GOOD.replace("name: good", "name: good\nx-team: shop").replace(
        "every: 100ms}", "every: 100ms, x-note: {a: 1}}"
    )
    assert problems(tmp_path, text) == []
    headers = """
    version: 1
    name: x
    probes:
      up: {http.get: {url: "http://127.0.0.1/", headers: {x-token: abc}}}
    steps: [{id: a, verify: up, within: 1s}]
    """
    path = tmp_path / "h.yaml"
    path.write_text(textwrap.dedent(headers))
    scenario = load(path, {}).scenario
    assert scenario is not None
    assert scenario.probes["up"].with_["headers"] == {"x-token": "abc"}


INPUTS = """
version: 1
name: x
inputs:
  url: {type: text, default: "http://127.0.0.1/"}
  status: {type: integer, default: 200, max: 599}
  hold: {type: duration, default: 30s}
probes:
  up: {http.get: {url: "{{ inputs.url }}health", status: "{{ inputs.status }}"}}
steps:
  - {id: a, verify: up, within: "{{ inputs.hold }}"}
"""


def test_inputs_are_put_in_with_their_type(tmp_path: Path) -> None:
    """A number stays one; a part of a text becomes text."""
    path = tmp_path / "s.yaml"
    path.write_text(INPUTS)
    scenario = load(path, {"status": "204"}).scenario
    assert scenario is not None
    assert scenario.probes["up"].with_ == {"url": "http://127.0.0.1/health", "status": 204}
    assert scenario.steps[0].within == "30s"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"hold": "30"}, "input hold: '30' is not a duration"),
        ({"status": "x"}, "input status: 'x' is not a number"),
        ({"status": "700"}, "at most 599"),
        ({"statuss": "1"}, "unknown input 'statuss', did you mean 'status'?"),
    ],
)
def test_wrong_inputs_are_told(tmp_path: Path, inputs: dict[str, str], said: str) -> None:
    """With the name, and what was expected."""
    assert any(said in problem for problem in problems(tmp_path, INPUTS, **inputs))


def test_an_unknown_input_is_told_at_its_place(tmp_path: Path) -> None:
    """Each one, not the first alone."""
    found = problems(
        tmp_path, INPUTS.replace("inputs.url", "inputs.ulr").replace("inputs.hold", "inputs.x")
    )
    assert [problem.split(":")[0] for problem in found[:2]] == ["9", "11"]


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_change_of_a_good_file_raises(tmp_path: Path, data: st.DataObject) -> None:
    """Lines dropped, doubled, or with a character changed: a scenario or problems, never a traceback."""
    lines = GOOD.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(lines) - 1))
        line = lines[where]
        how = data.draw(st.sampled_from(["drop", "double", "change", "insert"]))
        at = data.draw(st.integers(0, len(line)))
        extra = data.draw(st.sampled_from([*"{}[]:,\"'-&*!|>% 0x~", "{{ x }}", "null", "1"]))
        lines[where : where + 1] = {
            "drop": ["" if len(lines) > 1 else line],
            "double": [line, line],
            "change": [line[:at] + extra + line[at + 1 :]],
            "insert": [line[:at] + extra + line[at:]],
        }[how]
    path = tmp_path / "s.yaml"
    path.write_text("\n".join(lines))
    checked = check(path, {})
    assert (checked.scenario is None) == any(p.severity == "error" for p in checked.problems)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["5s", "up", "kill"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(
        ["version", "name", "targets", "probes", "steps", "expect", "limits", "labels", "setup"]
    ),
    VALUES,
)
def test_any_value_of_any_key_is_told_or_taken(tmp_path: Path, key: str, value: Any) -> None:
    """Whatever stands there: no exception but the one that carries problems."""
    path = tmp_path / "s.json"
    base: dict[str, Any] = {"version": 1, "name": "x", "steps": [{"id": "a", "wait": "0s"}]}
    path.write_bytes(msgspec.json.encode({**base, key: value}))
    try:
        load(path, {})
    except DocumentError as error:
        assert error.problems
