"""Student documents, their photos and templates, and the sequence of changes: the truth."""
