"""The JSON Schema of a record, derived from its types."""

from typing import Any

import msgspec

from breakfix.engine.timeline.record import Record


def record_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that is published as schemas/record.v1.json."""
    derived = msgspec.json.schema(Record)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "record.v1.json",
        "title": "The record of a breakfix run",
        **derived,
    }
