"""The vector index: it follows the documents, is searched, and is published as generations."""
