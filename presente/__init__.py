"""What every room of Presente shares: errors, settings, and the one place that wires them together."""
