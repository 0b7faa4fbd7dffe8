"""What every room of Presente shares: errors, settings, and the one place that wires them together."""

__version__ = "0.1.0"
"""The one place that says it: ``--version``, ``/v1/status`` and the wheel read it here."""
