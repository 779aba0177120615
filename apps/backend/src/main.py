"""My Hibachi's concierge on kaeshi: a chat endpoint, feedback, and the scheduler. Run it with `granian --interface asgi main:app`."""
