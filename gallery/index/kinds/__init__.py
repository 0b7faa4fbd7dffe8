"""The kinds of vector index: one protocol, one module per kind."""
