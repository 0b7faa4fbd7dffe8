"""The sample world: drawn people, a class of them, and a small recogniser trained on drawings."""
