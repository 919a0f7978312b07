"""The catalogue of methods: those that are here, whether they can run, and those that are not."""
