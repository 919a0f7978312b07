"""View settings: how a run is read and shown, in which words, and which choices controls offer."""
