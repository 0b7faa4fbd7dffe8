"""The first system's MongoDB database as a source."""
