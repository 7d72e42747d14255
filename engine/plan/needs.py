"""What a step waits for, as its document says it: groups of alternatives, all of which must
hold."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from breakfix.engine.model import Dependency, Milestone, Step
from breakfix.engine.values import seconds


class Need(Struct, frozen=True, kw_only=True):
    """`step` has reached `milestone`, `after_s` ago; with `each`, its unit on the same target
    has."""

    step: str
    milestone: Milestone
    after_s: float = 0.0
    each: bool = False


def needs_of(step: Step, steps: Mapping[str, Step]) -> tuple[tuple[Need, ...], ...]:
    """The groups of a step, in the order of its document; what `units` asks for comes last.

    The default milestone of an inject step is `active`, of any other `succeeded`.
    """
    groups = [tuple(_alternatives(item, steps, Dependency())) for item in step.depends_on]
    if step.units is not None:
        groups.append((Need(step=step.units.of, milestone=step.units.that, each=True),))
    return tuple(groups)


def _alternatives(
    item: str | Dependency, steps: Mapping[str, Step], outer: Dependency
) -> Iterator[Need]:
    """An item of `any` takes over what the dependency around it says and it does not."""
    if isinstance(item, str):
        item = Dependency(step=item)
    merged = Dependency(
        step=item.step,
        is_=item.is_ or outer.is_,
        after=item.after or outer.after,
        each=item.each or outer.each,
    )
    if item.step is not None:
        default: Milestone = "active" if steps[item.step].phase == "inject" else "succeeded"
        yield Need(
            step=item.step,
            milestone=merged.is_ or default,
            after_s=seconds(merged.after) if merged.after is not None else 0.0,
            each=merged.each == "target",
        )
    for other in item.any or ():
        yield from _alternatives(other, steps, merged)
