"""Lines of task files: fields, and the faults of all lines at once."""
