"""A file for each revision, in the order of their `down_revision`."""
