"""Photos behind http(s) links."""
