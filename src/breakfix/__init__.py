"""breakfix breaks systems on purpose, mends them, and tells how long each of it took."""

__version__ = "0.1.0"
