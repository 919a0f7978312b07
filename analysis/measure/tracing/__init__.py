"""Traces of prompts, and what is read from them; both are kept."""
