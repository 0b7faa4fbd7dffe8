"""From image bytes to an RGB array: formats, cost of decoding, damage."""
