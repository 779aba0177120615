"""The gateway in front of the models: assign, ask, answer, log.

And the worker behind it, which stores and mirrors.
"""
