"""The commands beside serving: keys and accounts, in the store that the settings name."""
