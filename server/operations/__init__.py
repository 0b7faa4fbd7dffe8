"""What routes call, one operation per route. They see no Flask request: only declared types, and the request's key."""
