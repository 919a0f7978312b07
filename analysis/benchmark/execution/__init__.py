"""How a benchmark runs: in batches, over processes, and on after an interruption."""
