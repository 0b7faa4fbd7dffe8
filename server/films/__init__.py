"""Films of classes: received on disk, kept until they were read, and gone afterwards, whatever happens."""
