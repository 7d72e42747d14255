"""The engine: from YAML to journal."""

if __name__ != "breakfix.engine":
    raise ImportError(f"import breakfix.engine, not {__name__}: a second copy has other classes")
