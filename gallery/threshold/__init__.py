"""Which score makes a face known: calibration, impostor scores, the operating point of a search."""
