"""The grid: its cells, its panel, and the explanation of a cell."""
