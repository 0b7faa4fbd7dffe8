"""CelebA as a source: its photos, and the lists that name the person in each."""
