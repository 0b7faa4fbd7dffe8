"""The description of the HTTP API in OpenAPI 3.1, derived from what the routes declare."""
