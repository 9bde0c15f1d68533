"""The import path that programs use for the event consumer."""

from __future__ import annotations

from circus.client.consumer import CircusConsumer

__all__ = ["CircusConsumer"]
