"""Observe, plan, apply: the one place where the other rooms meet."""
