"""CelebA as a source: its photos, and the lists that say who is who."""
