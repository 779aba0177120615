"""The door in front of the models: assign, ask, log. Its simplest form; mirroring and the spool come with the gateway itself."""
