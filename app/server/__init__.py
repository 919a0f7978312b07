"""Requests of many visitors on one engine: loading, the queue, progress, Stop."""
