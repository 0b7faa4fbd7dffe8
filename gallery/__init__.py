"""Who is known. Knows no images' pixels, no HTTP."""
