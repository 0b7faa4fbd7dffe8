"""Sheets (.csv, .xlsx) as a source: their text and cells, their columns, their students and photos."""
