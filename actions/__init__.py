"""The catalogue: one action a file, named by its path."""

if __name__ != "breakfix.actions":
    raise ImportError(f"import breakfix.actions, not {__name__}: a second copy has other classes")
