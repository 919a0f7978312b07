"""Views of the Results tab: pure functions from a benchmark's result to the data of panels."""
