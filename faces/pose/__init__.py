"""Keypoints of the bodies below faces, from pose packs, and the hands that they raise."""
