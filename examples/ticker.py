"""A worker that says every few seconds that it is alive: `ticker.py NAME [SECONDS]`."""

import os
import sys
import time


def main() -> None:
    name = sys.argv[1]
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    count = 0
    while True:
        print(f"{name}: tick {count} from process {os.getpid()}", flush=True)
        count += 1
        time.sleep(pause)


if __name__ == "__main__":
    main()
