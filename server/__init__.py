"""Online: HTTP over one gallery."""
