"""Checks: of a collection before it is loaded, and of what divergences mean once it is."""
