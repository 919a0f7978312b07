"""What methods learn from, and how: samples, examples, losses with gradients, steps."""
