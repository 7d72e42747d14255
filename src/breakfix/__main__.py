"""``python -m breakfix``."""

from breakfix.engine.cli import main

main()
