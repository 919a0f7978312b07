"""Measures on traces: lenses, metrics, divergence, weights, explanations, robustness checks."""
