"""Offline: a source of photos, through the embedder, into the gallery, in bulk."""
