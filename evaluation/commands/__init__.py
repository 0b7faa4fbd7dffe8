"""The commands of ``python -m evaluation``, one a module: ``add`` its flags, ``run`` it."""
