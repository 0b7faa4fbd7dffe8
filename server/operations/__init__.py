"""What routes call: one operation per route, on the service's gallery. They know no HTTP."""
