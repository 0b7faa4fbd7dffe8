"""Cameras that are watched: frames as they come, and what they record in a session."""
