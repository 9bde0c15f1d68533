"""Do nothing, with whatever arguments."""

import signal

signal.pause()
