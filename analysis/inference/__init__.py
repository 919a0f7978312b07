"""Running the model: prompts, rows and their weights, forward passes, decoding."""
