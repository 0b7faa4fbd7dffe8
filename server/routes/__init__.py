"""One blueprint a subject. A handler parses, calls the service, and renders."""
