"""Commands on the engine's machine."""
