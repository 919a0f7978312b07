"""Rows to train on: files, generators, and batches of tokens."""
