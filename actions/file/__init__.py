"""Files of the engine's machine."""
