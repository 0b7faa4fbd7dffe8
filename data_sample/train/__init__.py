"""Trains the sample recogniser on drawn people (developers only; see requirements.txt)."""
