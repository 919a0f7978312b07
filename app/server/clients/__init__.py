"""The clients of a server: who asks, whether somebody still waits, and how much each may ask."""
