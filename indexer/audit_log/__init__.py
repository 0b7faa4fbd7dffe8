"""``python -m indexer.audit_log``: reads and checks the access log."""
