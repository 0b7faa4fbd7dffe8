"""What all rooms of Presente share: settings, errors, command lines, and the place that wires faces and gallery."""

__version__ = "0.1.0"
"""The one declaration of the version: ``--version``, ``/v1/status`` and the wheel read it here."""
