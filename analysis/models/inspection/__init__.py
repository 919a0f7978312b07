"""Inspection of an adapter before it is used, and the report of it."""
