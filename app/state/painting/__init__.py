"""What-if weights: painting over the weights of the grid, presets, and the rows that answer."""
