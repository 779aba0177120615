"""What can be trained here."""
