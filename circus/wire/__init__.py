"""Bytes to messages and back: control requests and replies, events, stats. Pure; no socket here."""
