"""Names, as the engine's machine resolves them."""
