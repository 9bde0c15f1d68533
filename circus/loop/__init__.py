"""One thread, one selector: descriptors, timers, signals and calls from other threads."""
