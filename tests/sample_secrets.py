"""Secrets that no command and no server may show."""

WORD = "hunter2"
KEY = f"admin:0123456789{WORD}-abcdef"
