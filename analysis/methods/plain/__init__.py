"""Methods whose weights depend on nothing but the number of adapters."""
