"""Fitting lenses on text: the Jacobian lens, its texts, and its controls."""
