"""The demo's file and its shop: what the scenario says is what the shop does."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs
from ruamel.yaml import YAML

import breakfix
from breakfix.actions.http.get import Get
from breakfix.actions.process.kill import Kill
from breakfix.actions.process.start import Start
from breakfix.engine.action import Observation, Probe, ProcessFacts
from breakfix.engine.selectors import ProcessTarget
from breakfix.engine.targets import process
from breakfix.engine.vehicles.dispatch import Vehicles

FOLDER = Path(breakfix.__file__).parent / "scenarios"
BOUND_S = 60.0
Sample = Callable[..., Observation]


def free_port() -> int:
    """A port that nothing listens on now."""
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_port)


@pytest.fixture
def demo() -> dict[str, Any]:
    """The document with other ports put in."""
    document = YAML(typ="safe", pure=True).load((FOLDER / "demo.yaml").read_text())
    text = json.dumps(document)
    urls = {
        "shop_url": f"http://127.0.0.1:{free_port()}/health",
        "cache_url": f"http://127.0.0.1:{free_port()}/",
    }
    assert set(document["inputs"]) == set(urls)
    for name, url in urls.items():
        text = text.replace(f"{{{{ inputs.{name} }}}}", url)
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture
def shop(demo: dict[str, Any], vehicles: Vehicles) -> Iterator[dict[str, ProcessFacts]]:
    """Its processes, started in the folder of the file; ended with the test."""
    known = {}
    for name, target in demo["targets"].items():
        declared = msgspec.convert(target["process"], ProcessTarget)
        declared = structs.replace(declared, cwd=str(FOLDER))
        known[name] = process.not_started(name, declared, secrets.token_hex(16))
        assert vehicles.run(process.start_op(known[name])).ok
    yield {name: process.facts(facts, vehicles) for name, facts in known.items()}
    for facts in known.values():
        for op in process.end_ops(facts.identity, grace_s=1.0):
            vehicles.run(op)


def wait_until(holds: bool, sample: Sample, probe: Probe) -> None:
    """Sample until the probe is good, or bad."""
    end_s = time.monotonic() + BOUND_S
    while (seen := sample(probe)).holds is not holds:
        assert time.monotonic() < end_s, seen.detail
        time.sleep(0.02)


def test_the_shop_notices_that_its_cache_is_dead_and_is_whole_with_a_new_one(
    demo: dict[str, Any], shop: dict[str, ProcessFacts], vehicles: Vehicles, sample: Sample
) -> None:
    """Healthy; the cache is killed: status 503; the cache is started: healthy. The shop lives on."""
    healthy = msgspec.convert(demo["probes"]["healthy"]["http.get"], Get)
    cache_answers = msgspec.convert(demo["probes"]["cache_answers"]["http.get"], Get)
    wait_until(True, sample, cache_answers)
    wait_until(True, sample, healthy)
    for op in Kill().plan(shop["cache"]).apply:
        assert vehicles.run(op).ok
    wait_until(False, sample, cache_answers)
    wait_until(False, sample, healthy)
    assert sample(healthy).result["json"] == {"status": "degraded", "cache": "down"}
    end_s = time.monotonic() + BOUND_S
    while (dead := process.facts(shop["cache"], vehicles)).running:
        assert time.monotonic() < end_s
    for op in Start().plan(dead).apply:
        assert vehicles.run(op).ok
    wait_until(True, sample, healthy)
    assert process.facts(shop["shop"], vehicles).identity == shop["shop"].identity
