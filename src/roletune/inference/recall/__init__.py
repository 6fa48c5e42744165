"""What a character recalls when it is spoken to: its world, what it knows, and what it was told before."""
