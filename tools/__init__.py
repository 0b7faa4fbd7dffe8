"""Developers' tools. No program of the service imports them."""
