"""The Learn tab: lessons that a student walks through on the real model."""
