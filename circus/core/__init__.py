"""What to do: state machine, planner, rollout, backoff, diff. No clock, no descriptor, no log."""
