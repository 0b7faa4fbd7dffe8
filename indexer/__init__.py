"""Bulk work on a gallery from the command line: enrol a source of photos, embed stored ones, keep it in order."""
