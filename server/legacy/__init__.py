"""The calls of the first React page, answered in its own shapes."""
