"""Base models, adapters and the collections that name them: read, checked, loaded."""
