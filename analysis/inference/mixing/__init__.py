"""Weighted adapters inside the base model, with weights of its own for each row."""
