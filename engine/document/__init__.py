"""YAML text to data with positions."""

from breakfix.engine.document.read import Document, read

__all__ = ["Document", "read"]
