"""What is read from a trace: lenses, metrics, divergence, weights, and tests of them."""
