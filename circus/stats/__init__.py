"""Stats: what processes use."""
