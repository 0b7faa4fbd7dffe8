"""What requests write into the access log: each route declares it, and one place writes it."""
