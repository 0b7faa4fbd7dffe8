"""From an RGB array to faces: boxes, five landmarks, scores."""
