"""What must be identical in every service, or the books break. Nothing else belongs here."""
