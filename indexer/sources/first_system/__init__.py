"""The first system's MongoDB database as a source: its students, their photos, and the second copies of the photos."""
