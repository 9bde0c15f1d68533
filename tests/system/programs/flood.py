"""Write COUNT bytes of lines to stdout, then wait: flood.py COUNT."""

import signal
import sys

line = "x" * 99 + "\n"
for _ in range(int(sys.argv[1]) // len(line)):
    sys.stdout.write(line)
sys.stdout.flush()
signal.pause()
