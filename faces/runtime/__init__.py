"""Inference sessions: which runtime runs a model, with how many threads and in which precision."""
