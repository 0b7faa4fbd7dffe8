"""What happens in sessions, told to those who follow them."""
