"""Backups: a folder of snapshots that is neutral to the kind of store, and stores that are made from one."""
