"""The history: one database of all runs, an index over their journals that can be made again from them.

SQLite in the home unless something else is said, or PostgreSQL. `place` says where and imports next to nothing;
`keeping` writes, `store` reads, `reference` holds a run against earlier ones: they import SQLAlchemy, so they are
imported where they are used.
"""
