"""The access log: writing it, and checking that no line was changed."""
