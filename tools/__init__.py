"""What runs, checks and builds the book."""
