"""How the server decodes: what a photo will cost decides when, processes of their own do it, and a clock ends it."""
