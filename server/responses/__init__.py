"""Responses: values to JSON, CSV and streams."""
