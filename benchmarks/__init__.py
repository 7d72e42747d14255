"""Measurements of breakfix, beside a peer where one does the same work; never part of the tests."""
