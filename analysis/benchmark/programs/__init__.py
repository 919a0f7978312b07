"""Generated code, and the sandbox that runs it."""
