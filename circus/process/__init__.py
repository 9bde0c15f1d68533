"""Processes: what they are started with, their deaths, and their trees."""
