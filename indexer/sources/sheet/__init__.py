"""Sheets (.csv, .xlsx) as a source."""
