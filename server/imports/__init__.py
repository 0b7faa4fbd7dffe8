"""Imports of sheets: uploaded, looked at row by row, then enrolled."""
