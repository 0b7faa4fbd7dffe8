"""Benchmarks: ratios measured side by side in one run, accuracy or recall beside speed, seeded, printed as JSON too."""
