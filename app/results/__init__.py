"""The Results tab: what the benchmark of a collection found, and how sure it is."""
