"""Circus: a process and socket manager.

Importing this package is cheap on purpose: no logging is configured, no handler is installed and
nothing heavy is loaded until a name that needs it is asked for.
"""

__version__ = "0.19.1"
