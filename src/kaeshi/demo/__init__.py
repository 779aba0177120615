"""The simulated concierge and its customers. All people in it are invented."""
