"""The verdict over steps whose waves were stopped by the probe between them."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.events import WavesStopped
from breakfix.engine.timeline import fold
from breakfix.engine.verdict import judge

Story = Callable[..., Any]


@pytest.mark.parametrize(
    ("blind", "on_failure", "word", "code"),
    [(False, "fail", "failed", 1), (True, "fail", "invalid", 3), (False, "continue", "passed", 0)],
)
def test_waves_that_the_probe_between_them_stopped(
    journal: Story, blind: bool, on_failure: str, word: str, code: int
) -> None:
    """A rollout that did not go on has failed, whatever was verified where it began; where nobody could look,
    nobody knows."""
    steps = (
        {"id": "deploy", "remediate": "process.start", "target": "cache", "on_failure": on_failure},
        {"id": "whole", "verify": "healthy", "within": "9s"},
    )
    run = journal().begin().plan(steps)
    run.add(1.0, WavesStopped(step="deploy", why="healthy was not good within 5s: no", blind=blind))
    run.unit(1.0, "deploy@cache", "blocked", "healthy was not good within 5s: no")
    run.sample(1.1, 1.2, "good", "whole").unit(1.3, "whole", "succeeded")
    verdict = judge(fold(run.end(2.0).lines))
    assert (verdict.verdict, verdict.exit_code) == (word, code)
    assert ("healthy was not good within 5s" in verdict.reason) == (word != "passed")
