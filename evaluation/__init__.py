"""Measurement: a protocol gives scores on disk, scores give metrics, metrics a report. No metric repeats a search."""
