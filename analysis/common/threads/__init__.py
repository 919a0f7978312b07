"""Work in other threads: in one of its own, in the background, and done once for all who ask."""
