"""YAML text to data with positions."""

from breakfix.engine.document.positions import Place, Positions, Span
from breakfix.engine.document.read import Document, parse, read

__all__ = ["Document", "Place", "Positions", "Span", "parse", "read"]
