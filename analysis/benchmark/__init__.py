"""Composite tasks, scoring and statistics."""
