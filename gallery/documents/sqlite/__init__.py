"""The document store in one SQLite file: the embedded default."""
