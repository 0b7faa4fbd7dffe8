"""From image bytes to templates. Knows no database, no index, no HTTP."""
