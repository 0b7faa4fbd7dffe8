"""The program that seals what is in the clear, and changes keys."""
