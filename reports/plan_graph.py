"""The graph of a run plan for tools that draw: Mermaid and Graphviz.

A step that fans out is shown with one join, through which what waits for the step is linked; a step on many
targets is one node.
"""

from collections.abc import Iterator

from msgspec import Struct

from breakfix.engine.model import Hold, Step
from breakfix.engine.run_plan import RunPlan, Unit
from breakfix.engine.values import format_seconds
from breakfix.reports.fan_out import WIDE


class Node(Struct, frozen=True, kw_only=True):
    """A unit, the join of a step that fans out, or all of one on many targets; `lines` is its text."""

    id: str
    lines: tuple[str, ...]
    phase: str
    join: bool = False


class Edge(Struct, frozen=True, kw_only=True):
    """From node to node. A `firm` one must hold; of the others one of several is enough, or it only
    ends a fault."""

    source: str
    target: str
    label: str
    firm: bool


def mermaid(plan: RunPlan) -> str:
    """A Mermaid flowchart."""
    nodes, edges = graph_of(plan)
    names = {node.id: f"n{index}" for index, node in enumerate(nodes)}
    lines = ["flowchart TD"]
    for node in nodes:
        text = "<br/>".join(_mermaid_text(line) for line in node.lines)
        shape = f'(["{text}"])' if node.join else f'["{text}"]'
        lines.append(f"  {names[node.id]}{shape}:::{node.phase}")
    for edge in edges:
        arrow = "-->" if edge.firm else "-.->"
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"  {names[edge.source]} {arrow}{label} {names[edge.target]}")
    lines += [f"  classDef {phase} {style}" for phase, style in _MERMAID_STYLES.items()]
    return "\n".join(lines)


_MERMAID_STYLES = {
    "inject": "stroke:#b3261e,stroke-width:2px",
    "detect": "stroke:#8a6100",
    "remediate": "stroke:#1b6e3c,stroke-width:2px",
    "verify": "stroke:#1a5fb4",
    "wait": "stroke-dasharray:4",
}


def dot(plan: RunPlan) -> str:
    """A Graphviz digraph."""
    nodes, edges = graph_of(plan)
    lines = [f"digraph {_dot_text(plan.scenario.name)} {{", "  node [shape=box];"]
    for node in nodes:
        shape = ", shape=oval" if node.join else ""
        text = "\\n".join(_dot_text(line)[1:-1] for line in node.lines)
        lines.append(f'  {_dot_text(node.id)} [label="{text}"{shape}];')
    for edge in edges:
        style = "" if edge.firm else ", style=dashed"
        lines.append(
            f"  {_dot_text(edge.source)} -> {_dot_text(edge.target)}"
            f" [label={_dot_text(edge.label)}{style}];"
        )
    return "\n".join([*lines, "}"])


def graph_of(plan: RunPlan) -> tuple[list[Node], list[Edge]]:
    """What is drawn, in the order of the plan. A step on one target needs no join."""
    steps = {step.id: step for step in plan.scenario.steps}
    members: dict[str, list[Unit]] = {step: [] for step in steps}
    for unit in plan.units:
        members[unit.step].append(unit)
    drawn = {step: units[0].id for step, units in members.items() if len(units) == 1}
    wide = {step: len(units) for step, units in members.items() if len(units) > WIDE}
    inside = {unit.id: unit.step for unit in plan.units if unit.step in wide}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for name in dict.fromkeys([*(unit.step for unit in plan.units), *members]):
        step = steps[name]
        if name in wide:
            nodes.append(_wide_node(step, wide[name]))
            continue
        nodes += [_unit_node(step, unit) for unit in members[name]]
        if name not in drawn:
            nodes.append(_join_node(step, len(members[name])))
            edges += [
                Edge(source=unit.id, target=name, label="", firm=True) for unit in members[name]
            ]
    edges += dict.fromkeys(_links(plan, drawn, inside))
    for step in plan.scenario.steps:
        if isinstance(step.hold, Hold):
            source = drawn.get(step.hold.until, step.hold.until)
            target = drawn.get(step.id, step.id)
            label = f"ends, or after {step.hold.at_most}"
            edges.append(Edge(source=source, target=target, label=label, firm=False))
    return nodes, edges


def _links(plan: RunPlan, drawn: dict[str, str], inside: dict[str, str]) -> Iterator[Edge]:
    """The links between what is drawn; those of `inside` stand for the node of their step."""
    alternatives: dict[tuple[str, int], int] = {}
    for link in plan.links:
        key = (link.unit, link.group)
        alternatives[key] = alternatives.get(key, 0) + 1
    for link in plan.links:
        delay = f" + {format_seconds(link.after_s)}" if link.after_s else ""
        yield Edge(
            source=inside.get(link.source, drawn.get(link.source, link.source)),
            target=inside.get(link.unit, link.unit),
            label=f"{link.milestone}{delay}",
            firm=alternatives[link.unit, link.group] == 1,
        )


def _unit_node(step: Step, unit: Unit) -> Node:
    return Node(id=unit.id, lines=(unit.id, _what(step)), phase=step.phase)


def _wide_node(step: Step, total: int) -> Node:
    lines = (step.id, _what(step), f"on {total} targets, {step.require} of them")
    return Node(id=step.id, lines=lines, phase=step.phase)


def _what(step: Step) -> str:
    return f"wait {step.wait}" if step.phase == "wait" else f"{step.phase} {step.uses}"


def _join_node(step: Step, total: int) -> Node:
    require = f"{step.require} of {total}" if total else "skipped: its set is empty"
    return Node(id=step.id, lines=(step.id, require), phase=step.phase, join=True)


def _mermaid_text(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace('"', "#quot;").replace("<", "&lt;").replace(">", "&gt;")
    )


def _dot_text(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
