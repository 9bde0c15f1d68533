"""The control side of circusd: requests in, replies and events out."""
