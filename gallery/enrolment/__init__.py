"""Whether photos may be enrolled: they show the student, and no one who is enrolled already."""
