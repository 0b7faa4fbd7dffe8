"""Whether a face is a live person before the camera, or a photo or a screen that is held up: liveness packs."""
