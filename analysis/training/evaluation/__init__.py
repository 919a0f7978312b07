"""Whether each adapter is good at its own kind of text."""
