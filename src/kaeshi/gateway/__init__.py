"""The door in front of the models: assign, ask, answer, log; and the worker behind it that stores and mirrors."""
