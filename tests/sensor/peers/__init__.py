"""What other programs say about the same captures, and how our rows compare."""
