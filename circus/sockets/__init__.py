"""Managed sockets: circusd binds them once, workers inherit them."""
