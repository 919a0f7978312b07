"""The scores of one answer: numbers, languages, syntax, tests."""
