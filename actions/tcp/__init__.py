"""TCP from the engine's machine."""
