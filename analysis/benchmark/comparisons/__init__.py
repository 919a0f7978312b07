"""Methods compared on the same items: tests, differences, groups of tasks."""
