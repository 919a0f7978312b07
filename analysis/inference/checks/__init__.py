"""Checks at load: the engine against the model alone, and prompts against the vocabulary."""
