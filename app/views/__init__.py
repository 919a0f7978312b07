"""State as what panels show: pure functions to plain data."""
