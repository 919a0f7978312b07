"""The cost of the analysis, as ratios within one run to other ways to the same numbers."""
