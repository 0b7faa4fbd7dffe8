"""The programs that make, check and restore backups."""
