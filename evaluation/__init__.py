"""Measures: protocols, then scores on disk, then metrics, then a report. Metrics never re-run a search."""
