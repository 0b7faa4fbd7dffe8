"""Model packs: which files make templates, where they lie, how they are pulled and checked."""
