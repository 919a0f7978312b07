"""What the analysis costs, in ratios within one run, against the ways it could be done instead."""
