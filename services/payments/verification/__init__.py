"""What is stored as applied and as remaining, against the facts that it follows from."""
