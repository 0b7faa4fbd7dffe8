"""Tells another program what is recorded: a signed request for what is new."""
