"""Embeddings to the body of a search."""

from __future__ import annotations

import io
from typing import Any

import msgspec


def embeddings_body(embeddings: Any) -> tuple[bytes, str]:
    """An array (n, d) as an .npy file, which is a sixth of the JSON; rows of numbers as JSON, without numpy.

    Args:
        embeddings: an array of NumPy, or what becomes one (a tensor); or lists of floats.
    """
    if hasattr(embeddings, "__array__"):
        import numpy as np

        written = io.BytesIO()
        np.save(written, np.asarray(embeddings), allow_pickle=False)
        return written.getvalue(), "application/x-npy"
    return msgspec.json.encode({"embeddings": embeddings}), "application/json"
