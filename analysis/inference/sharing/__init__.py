"""Answers that are asked for several times at once: they run once, for all their readers."""
