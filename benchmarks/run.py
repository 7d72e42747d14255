"""Measures breakfix, side by side with Chaos Toolkit where that does the same work, and writes
docs/benchmarks.md. ``python -m benchmarks.run --quick`` takes fewer rounds and writes nothing."""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import inputs
from benchmarks.guardian import recovery
from benchmarks.journaled import lateness_s, newest_journal, widths_s
from benchmarks.measured import Command, Cost, cost, interleaved
from benchmarks.observers import OBSERVERS, load
from benchmarks.ssh import on_hosts
from benchmarks.table import MIB, Part, Row, compared, document

ROOT = Path(__file__).resolve().parents[1]
BREAKFIX = [str(Path(sys.executable).with_name("breakfix"))]
PEER = "chaostoolkit"
GROWTH_MAX = 2.2
NO_EVIDENCE = 3
"""How a run of waits alone ends: nothing was verified."""


class Bench:
    """One run of the benchmark in a folder of its own."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        self.folder = folder
        self.quick = quick
        self.rounds = 3 if quick else 11
        self.home = folder / "home"
        self.chaos = str(folder / "peer" / "bin" / "chaos")

    def ours(self, *argv: str, ok_exit: int = 0) -> Command:
        """A call of breakfix."""
        environ = {"BREAKFIX_HOME": str(self.home)}
        return Command([*BREAKFIX, *argv], ok_exit=ok_exit, environ=environ, folder=self.folder)

    def peer(self, *argv: str) -> Command:
        """A call of Chaos Toolkit."""
        return Command([self.chaos, *argv], folder=self.folder)

    def install_peer(self) -> str:
        """Chaos Toolkit in an environment of its own; its version."""
        environment = self.folder / "peer"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-qq", PEER], check=True)
        frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)
        return ", ".join(line for line in frozen.stdout.split() if line.startswith(PEER))

    def start(self) -> Part:
        """Start-up and validation."""
        scenario, experiment = inputs.mixed(self.folder), inputs.experiment(self.folder, 20)
        taken = interleaved(
            {
                "help": self.ours("--help"),
                "peer help": self.peer("--help"),
                "validate": self.ours("validate", str(scenario)),
                "peer validate": self.peer("validate", str(experiment)),
            },
            self.rounds,
        )
        part = Part("Start", f"Medians of {self.rounds} rounds.")
        part.rows = [
            compared("`--help`", taken["help"].wall_s, taken["peer help"].wall_s, 1 / 3, "a third"),
            compared(
                "`validate`, 20 steps",
                taken["validate"].wall_s, taken["peer validate"].wall_s, 1 / 2, "half",
            ),
        ]  # fmt: skip
        return part

    def overhead(self) -> Part:
        """Steps that do nothing: the time of a run of many, less that of a run of one."""
        steps = 1000 if self.quick else 5000
        rounds = 2 if self.quick else 5
        one, many = inputs.waits(self.folder, 1), inputs.waits(self.folder, steps)
        peer_one, peer_many = (inputs.experiment(self.folder, count) for count in (1, steps))
        taken = interleaved(
            {
                "one": self.ours("run", str(one), ok_exit=NO_EVIDENCE),
                "many": self.ours("run", str(many), ok_exit=NO_EVIDENCE),
                "peer one": self.peer("run", str(peer_one)),
                "peer many": self.peer("run", str(peer_many)),
            },
            rounds,
        )
        ours_s = taken["many"].wall_s - taken["one"].wall_s
        peer_s = taken["peer many"].wall_s - taken["peer one"].wall_s
        how = (
            f"{steps} steps `wait: 0s` in {inputs.CHAINS} chains side by side, journal on disk and "
            f"final report included, against {steps} activities that do nothing, one after another. "
            f"Medians of {rounds} rounds; the first row is less the time of a run of one step."
        )
        part = Part("Overhead of the engine", how)
        part.rows = [
            compared(f"{steps} steps", ours_s, peer_s, 1 / 5, "a fifth"),
            compared("the same, whole processes", taken["many"].wall_s, taken["peer many"].wall_s, 1 / 5, "a fifth"),
            Row(
                "memory",
                f"{taken['many'].memory_bytes / MIB:.0f} MiB",
                f"{taken['peer many'].memory_bytes / MIB:.0f} MiB",
                f"{taken['many'].memory_bytes / taken['peer many'].memory_bytes:.2f}",
            ),
        ]  # fmt: skip
        return part

    def graph(self) -> Part:
        """Large graphs: whether time and memory stay linear in the units."""
        sizes = (1000, 2000) if self.quick else (2500, 5000, 10000)
        rounds = 1 if self.quick else 3
        part = Part(
            "Large graphs",
            "Linear means that doubling the units at most doubles what is above a graph of one unit, "
            f"with a tenth for the spread of the measurement. Medians of {rounds} rounds.",
        )
        for verb, ok_exit in (("validate", 0), ("plan", 0), ("run", NO_EVIDENCE)):
            commands = {
                str(size): self.ours(verb, str(inputs.waits(self.folder, size)), ok_exit=ok_exit)
                for size in (1, *sizes)
            }
            taken = interleaved(commands, rounds)
            part.rows += list(_growth(verb, sizes, taken))
        return part

    def jitter(self) -> Part:
        """When an injection starts, against when it was due."""
        times = 50 if self.quick else 400
        cost(self.ours("run", str(inputs.pauses(self.folder, times))))
        late_ms = sorted(late * 1000 for late in lateness_s(newest_journal(self.home)))
        deviation_ms = statistics.stdev(late_ms)
        p99_ms = late_ms[min(len(late_ms) - 1, int(len(late_ms) * 0.99))]
        how = (
            f"{times} pauses of one process, each due 30 ms after the one before has ended. Late is the "
            "instant that the command was issued less the instant that it was due: the plan with fresh "
            "facts and the intent on disk (fsync) come in between."
        )
        part = Part("When an injection starts, against when it was due", how)
        part.rows = [
            Row("standard deviation", f"{deviation_ms:.2f} ms", goal="under 2 ms", met=deviation_ms < 2),
            Row("99th percentile", f"{p99_ms:.2f} ms", goal="under 10 ms", met=p99_ms < 10),
            Row("median", f"{statistics.median(late_ms):.2f} ms"),
            Row("longest", f"{late_ms[-1]:.2f} ms"),
        ]
        return part

    def guardian(self) -> Part:
        """How soon all is whole again when the engine is killed."""
        part = Part(
            "The engine is killed (SIGKILL) while ten containers are paused",
            f"Since the kill. Medians of {self.rounds} rounds; the longest beside it.",
        )
        if not self._image():
            return part
        try:
            taken = [recovery(BREAKFIX, IMAGE) for _ in range(self.rounds)]
        finally:
            subprocess.run(["docker", "rmi", IMAGE], capture_output=True, check=True)
        for what, found, goal_s in (
            ("last undo issued", [one.issued_s for one in taken], 0.3),
            ("all seen gone", [one.gone_s for one in taken], 1.0),
        ):
            median_s = statistics.median(found)
            said = f"{median_s:.3f} s; {max(found):.3f} s"
            part.rows.append(Row(what, said, goal=f"within {goal_s:g} s", met=median_s <= goal_s))
        return part

    def observers(self) -> Part:
        """A thousand observers at one look a second."""
        length_s = 20 if self.quick else 60
        part = Part(
            f"{OBSERVERS} observers, one look a second each, for {length_s} s",
            "Late is the start of a look on its observer's grid, less that of the earliest. CPU is that of "
            "the sampling process, where 1 is one core.",
        )
        for action in ("http.get", "tcp.connect"):
            found = load(BREAKFIX, action, length_s)
            late_ms = sorted(lag * 1000 for lag in found.lags_s)
            p99_ms = late_ms[int(len(late_ms) * 0.99)]
            part.rows += [
                Row(f"`{action}`, 99th percentile late", f"{p99_ms:.1f} ms", goal="under 20 ms", met=p99_ms < 20),
                Row(f"`{action}`, CPU and memory", f"{found.cpu_share:.2f}, {found.memory_bytes / MIB:.0f} MiB"),
                Row(f"`{action}`, samples, and not good", f"{len(late_ms)}, {found.not_good}"),
            ]  # fmt: skip
        return part

    def hosts(self) -> Part:
        """One command on hundreds of SSH hosts."""
        return on_hosts(BREAKFIX, self.folder, quick=self.quick)

    def widths(self) -> Part:
        """How wide the intervals are that reports give."""
        part = Part(
            "Widths of the reported intervals",
            "Upper less lower bound of each time in the record. The demo's probe is sampled every "
            "200 ms, the container's every 100 ms.",
        )
        runs = {"demo": ["run", *_own_ports(), str(ROOT / "scenarios" / "demo.yaml")]}
        if self._image():
            path = ROOT / "scenarios" / "container_kill.yaml"
            runs["container_kill"] = ["run", "--yes", "--input", f"image={IMAGE}", str(path)]
        try:
            for name, argv in runs.items():
                part.rows += self._widths_of(name, argv)
        finally:
            if "container_kill" in runs:
                subprocess.run(["docker", "rmi", IMAGE], capture_output=True, check=True)
        return part

    def _widths_of(self, name: str, argv: Sequence[str]) -> list[Row]:
        taken: dict[str, list[float]] = {}
        for _ in range(1 if self.quick else 5):
            done = cost(self.ours(*argv))
            environ = {**os.environ, "BREAKFIX_HOME": str(self.home)}
            for metric, width in widths_s(BREAKFIX, environ, newest_journal(self.home)).items():
                taken.setdefault(metric, []).append(width * 1000)
        rows = [
            Row(f"{name}, {metric[:-2].replace('_', ' ')}", f"{statistics.median(found):.0f} ms")
            for metric, found in taken.items()
        ]
        return [*rows, Row(f"{name}, memory", f"{done.memory_bytes / MIB:.0f} MiB")]

    def _image(self) -> bool:
        """An image of one static busybox, where this machine has one and a Docker engine."""
        busybox = Path("/bin/busybox")
        answers = subprocess.run(["docker", "version"], capture_output=True, check=False)
        if answers.returncode != 0 or not busybox.exists():
            return False
        tree = Path(tempfile.mkdtemp(dir=self.folder))
        (tree / "bin").mkdir()
        (tree / "bin" / "busybox").write_bytes(busybox.read_bytes())
        (tree / "bin" / "busybox").chmod(0o755)
        for applet in ("sh", "sleep"):
            (tree / "bin" / applet).symlink_to("busybox")
        packed = subprocess.run(["tar", "-C", tree, "-c", "."], capture_output=True, check=True)
        made = subprocess.run(
            ["docker", "import", "-", IMAGE], input=packed.stdout, capture_output=True, check=False
        )
        return made.returncode == 0


IMAGE = "breakfix-bench/busybox:1"


def _own_ports() -> list[str]:
    """Inputs of the demo, so that it meets nobody else's shop."""
    with socket.socket() as first, socket.socket() as second:
        given = []
        for name, path, found in (("shop", "health", first), ("cache", "", second)):
            found.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{found.getsockname()[1]}/{path}"
            given += ["--input", f"{name}_url={url}"]
        return given


def _growth(verb: str, sizes: Sequence[int], taken: Mapping[str, Cost]) -> Iterator[Row]:
    """A row for each size; from the second on, how much is above one unit, against the size before."""
    floor = taken["1"]
    before: tuple[float, float] | None = None
    for size in sizes:
        now = taken[str(size)]
        above = (now.wall_s - floor.wall_s, float(now.memory_bytes - floor.memory_bytes))
        said = f"{now.wall_s:.2f} s, {now.memory_bytes / MIB:.0f} MiB"
        if before is None:
            yield Row(f"`{verb}`, {size} units", said)
        else:
            time_ratio, memory_ratio = above[0] / before[0], above[1] / before[1]
            said += f"; {time_ratio:.2f} and {memory_ratio:.2f} times the one before"
            met = max(time_ratio, memory_ratio) <= GROWTH_MAX
            yield Row(f"`{verb}`, {size} units", said, goal="linear", met=met)
        before = above


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; only print")
    parser.add_argument("--only", metavar="PART", help="one part; only print")
    options = parser.parse_args()
    quick, only = options.quick, options.only
    with tempfile.TemporaryDirectory(prefix="breakfix-bench-") as folder:
        bench = Bench(Path(folder), quick=quick)
        say(f"Installing {PEER} into an environment of its own")
        versions = bench.install_peer() if only in (None, "start", "overhead") else "without it"
        parts: list[Part] = []
        failed: list[str] = []
        for measure in (
            bench.start,
            bench.overhead,
            bench.graph,
            bench.jitter,
            bench.guardian,
            bench.observers,
            bench.hosts,
            bench.widths,
        ):
            if only not in (None, measure.__name__):
                continue
            say(f"Measuring: {measure.__name__}")
            try:
                parts.append(measure())
            except RuntimeError as error:
                say(str(error))
                failed.append(measure.__name__)
    page = document(parts, f"breakfix {version()}; {versions} (the newest release that this Python takes).")
    sys.stdout.write(page)
    if failed:
        raise SystemExit(f"Could not be measured: {', '.join(failed)}. Nothing was written.")
    if not quick and only is None:
        (ROOT / "docs" / "benchmarks.md").write_text(page)
        say("Written to docs/benchmarks.md")


def version() -> str:
    """The version of the package that is measured."""
    from breakfix import __version__

    return __version__


def say(text: str) -> None:
    """Progress, beside the page."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
