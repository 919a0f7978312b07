"""The base model: the bundled one made ready, and any base loaded."""
