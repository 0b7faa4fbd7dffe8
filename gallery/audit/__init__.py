"""What looks wrong in a gallery: same persons, mislabelled photos, duplicates, weak photos."""
