"""Who asks, and what that caller may do and see."""
