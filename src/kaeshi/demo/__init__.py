"""The simulated concierge and its customers. Everybody here is made up, and says so."""
