"""From photos to templates in the gallery: read, decode, detect and align; embed in batches; write in batches.

The first four stages are one piece of work per photo, embedding is one per batch. Each of the two has one thread per
core, so that the slower one takes the cores that it needs. The calling thread writes. Every stage is bounded, and
photos stay in the order of their source.
"""
