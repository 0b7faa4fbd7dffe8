"""What the commands say of a gallery that is there: its state, its consistency, what to mend, what an erasure took."""
