"""The commands of ``python -m indexer``, one per module: ``add`` its flags, ``run`` it."""
