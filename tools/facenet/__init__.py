"""Conversion of FaceNet weights, published as a torch file, to a model pack."""
