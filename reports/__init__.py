"""From journal to people."""

if __name__ != "breakfix.reports":
    raise ImportError(f"import breakfix.reports, not {__name__}: a second copy has other classes")
