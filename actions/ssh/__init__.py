"""The way into hosts."""
