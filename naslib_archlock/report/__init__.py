"""What a user sees of a result: text and pictures."""
