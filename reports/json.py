"""The record with its verdict as a JSON document; schemas/record.v1.json describes it."""

import msgspec

from breakfix.engine.timeline.record import Record, Verdict


def render(record: Record, verdict: Verdict) -> str:
    """An indented document that ends with a newline."""
    return document(msgspec.structs.replace(record, verdict=verdict))


def document(whole: msgspec.Struct) -> str:
    """Any record as an indented document that ends with a newline."""
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
